"""Bounds on what one authority may change in 24 hours, or by one snapshot, before a person must review it.

Over a bound the whole feed goes into quarantine: its records are stored and not applied until an entitled person
releases or discards them. No article requires this; it guards against wrong records (办法一 Art. 22（四）).
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

WINDOW_MS = 24 * 3600 * 1000
_Share = Annotated[float, Meta(gt=0, le=1)]
_Count = Annotated[int, Meta(ge=1)]


class QuarantineCause(StrEnum):
    """Why a feed is in quarantine."""

    TOO_MANY_ADDED = "too_many_added"
    TOO_MANY_REMOVED = "too_many_removed"
    TOO_MANY_REJECTED = "too_many_rejected"
    CLOCK_AHEAD = "clock_ahead"
    SNAPSHOT_EMPTY = "snapshot_empty"
    SNAPSHOT_SHRINKS = "snapshot_shrinks"


class FeedBounds(Struct, frozen=True, forbid_unknown_fields=True):
    """Bounds of one authority for 24 hours, as ``config/departments.yaml`` may state them."""

    added: _Count = 200_000
    """Listings added."""
    removed: _Count = 100
    """Removals that always pass, however few listings are in force."""
    removed_share: _Share = 0.2
    """Beyond ``removed``: the share of the authority's listings in force that may be removed."""
    rejected_share: _Share = 0.5
    """Share of rejected records, once ``rejected_least`` records have arrived."""
    rejected_least: _Count = 100
    snapshot_share: _Share = 0.1
    """Share of the listings in force that one snapshot may omit; ``removed`` of them always pass."""
    clock_ahead_seconds: _Count = 600
    """How far a version that is a time may lie in the future: it would block all corrections until then."""


@dataclass(slots=True)
class FeedWindow:
    """Counts of one authority's feed since ``start`` (milliseconds), and how many of its listings are in force."""

    start: int = 0
    added: int = 0
    removed: int = 0
    received: int = 0
    rejected: int = 0
    listed: int = 0

    def at(self, now: int) -> "FeedWindow":
        """The window that contains ``now``: this one, or a new one after 24 hours."""
        return self if now < self.start + WINDOW_MS else FeedWindow(start=now, listed=self.listed)


def exceeded_bound(window: FeedWindow, bounds: FeedBounds) -> QuarantineCause | None:
    """The bound that the window exceeds, if any."""
    if window.added > bounds.added:
        return QuarantineCause.TOO_MANY_ADDED
    # The listings removed in this window were in force at its start.
    if window.removed > max(bounds.removed, bounds.removed_share * (window.listed + window.removed)):
        return QuarantineCause.TOO_MANY_REMOVED
    if window.received >= bounds.rejected_least and window.rejected > bounds.rejected_share * window.received:
        return QuarantineCause.TOO_MANY_REJECTED
    return None


def exceeded_snapshot_bound(listed: int, absent: int, sent: int, bounds: FeedBounds) -> QuarantineCause | None:
    """Why a snapshot goes into quarantine, if it does: it is empty, or omits too many of the listings in force.

    ``listed`` is the number of listings in force, ``absent`` how many of them it omits, ``sent`` the number of rows.
    """
    if listed and not sent:
        return QuarantineCause.SNAPSHOT_EMPTY
    if absent > max(bounds.removed, bounds.snapshot_share * listed):
        return QuarantineCause.SNAPSHOT_SHRINKS
    return None
