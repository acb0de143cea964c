"""A subject on a black list is removed from the red lists (办法一 Art. 4: 应将其从相关红名单中删除).

The days on which listings were in force decide, not the order of arrival, so every order of delivery gives the same
register. A red listing that overlaps a black one is excluded permanently: it does not come back when the black one
ends; its authority may make a new determination. A black listing annulled on objection was never in force.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from rules.vocabulary import ListColour


class Exclusion(StrEnum):
    """Why a red listing is excluded. The values are stored."""

    DELETED = "red_listing_struck"
    """The black listing is later: the red one is deleted (删除)."""
    WITHHELD = "red_listing_held"
    """The black listing is earlier: the red one is never applied."""


@dataclass(frozen=True, slots=True)
class ListingPeriod:
    """The days on which one listing of a subject is in force, first and last included."""

    key: str
    colour: ListColour
    first_day: date
    last_day: date | None
    """None: no end."""
    excludes_red: bool
    """For a black one: a list decision about this very subject, whose number has a verified check digit."""


def excluded_red_listings(periods: Iterable[ListingPeriod]) -> dict[str, tuple[Exclusion, str]]:
    """For each red listing of one subject that is excluded: why, and the key of the black listing."""
    periods = list(periods)
    black = sorted(
        (p for p in periods if p.colour is ListColour.BLACK and p.excludes_red), key=lambda p: (p.first_day, p.key)
    )
    excluded: dict[str, tuple[Exclusion, str]] = {}
    for red in (p for p in periods if p.colour is ListColour.RED):
        cause = next((p for p in black if _overlap(red, p)), None)
        if cause is not None:
            black_first = cause.first_day < red.first_day
            excluded[red.key] = (Exclusion.WITHHELD if black_first else Exclusion.DELETED, cause.key)
    return excluded


def _overlap(one: ListingPeriod, other: ListingPeriod) -> bool:
    """Whether there is a day on which both are in force."""
    first = max(one.first_day, other.first_day)
    return all(period.last_day is None or first <= period.last_day for period in (one, other))
