"""When a feed has gone mad: bounds on what one authority may change in a day before somebody looks.

Over a bound the whole feed is held: nothing of it is lost and nothing applied, until an entitled person
releases or discards it.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

WINDOW_MILLISECONDS = 24 * 3600 * 1000
_Share = Annotated[float, Meta(gt=0, le=1)]
_Count = Annotated[int, Meta(ge=1)]


class Cause(StrEnum):
    """Why a feed is held."""

    TOO_MANY_ADDED = "too_many_added"
    TOO_MANY_REMOVED = "too_many_removed"
    TOO_MANY_REJECTED = "too_many_rejected"
    CLOCK_AHEAD = "clock_ahead"
    SNAPSHOT_EMPTY = "snapshot_empty"
    SNAPSHOT_SHRINKS = "snapshot_shrinks"


class Bounds(Struct, frozen=True, forbid_unknown_fields=True):
    """Bounds of one authority for 24 hours, as ``config/departments.yaml`` may state them."""

    added: _Count = 200_000
    """Listings put on."""
    removed: _Count = 100
    """Listings taken off that always pass, however few stand."""
    removed_share: _Share = 0.2
    """Above that, the share of the authority's standing listings that may be taken off."""
    rejected_share: _Share = 0.5
    """Share of bad records, once ``rejected_least`` records came."""
    rejected_least: _Count = 100
    snapshot_share: _Share = 0.1
    """Share of the standing listings that one snapshot may leave out, and ``removed`` of them always."""
    clock_ahead_seconds: _Count = 600
    """How far a version that is a time may lie in the future: it would block every later correction."""


@dataclass(slots=True)
class Window:
    """What one authority's feed did since ``start`` (milliseconds), and how many of its listings stand."""

    start: int = 0
    added: int = 0
    removed: int = 0
    received: int = 0
    rejected: int = 0
    listed: int = 0

    def moved_to(self, now: int) -> "Window":
        """The window in which ``now`` lies: this one, or a new one after 24 hours."""
        return self if now < self.start + WINDOW_MILLISECONDS else Window(start=now, listed=self.listed)


def breach(window: Window, bounds: Bounds) -> Cause | None:
    """The bound that the window is over, if any."""
    if window.added > bounds.added:
        return Cause.TOO_MANY_ADDED
    # What was taken off in this window stood at its start.
    if window.removed > max(bounds.removed, bounds.removed_share * (window.listed + window.removed)):
        return Cause.TOO_MANY_REMOVED
    if window.received >= bounds.rejected_least and window.rejected > bounds.rejected_share * window.received:
        return Cause.TOO_MANY_REJECTED
    return None


def snapshot_breach(listed: int, absent: int, sent: int, bounds: Bounds) -> Cause | None:
    """Why a full snapshot may not be taken at its word: it is empty, or leaves out too many."""
    if listed and not sent:
        return Cause.SNAPSHOT_EMPTY
    if absent > max(bounds.removed, bounds.snapshot_share * listed):
        return Cause.SNAPSHOT_SHRINKS
    return None
