"""Who is on a black list is on no red list (办法一 Art. 4).

Judged by the days on which listings stood, not by which arrived first: so every order of delivery ends
in the same register. A red listing leaves for good once a black one stood beside it, and does not come
back when the black one ends; its authority may determine anew. A black listing that an objection has
annulled never stood.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from rules.vocabulary import ListColour


class Strike(StrEnum):
    """Why a red listing is not applied: struck off later, or held since its subject was black-listed already."""

    STRUCK = "red_listing_struck"
    HELD = "red_listing_held"


@dataclass(frozen=True, slots=True)
class Span:
    """The days on which one listing of a subject stands."""

    key: str
    colour: ListColour
    first_day: date
    last_day: date | None
    decisive: bool
    """For a black one: a list decision about this very subject, under a number whose check digit held."""


def struck(spans: Iterable[Span]) -> dict[str, tuple[Strike, str]]:
    """For each red listing of one subject that may not stand: why, and the key of the black one."""
    everything = list(spans)
    black = sorted(
        (s for s in everything if s.colour is ListColour.BLACK and s.decisive), key=lambda s: (s.first_day, s.key)
    )
    found: dict[str, tuple[Strike, str]] = {}
    for red in (s for s in everything if s.colour is ListColour.RED):
        cause = next((s for s in black if _beside(red, s)), None)
        if cause is not None:
            held = cause.first_day < red.first_day
            found[red.key] = (Strike.HELD if held else Strike.STRUCK, cause.key)
    return found


def _beside(one: Span, other: Span) -> bool:
    """Whether there is a day on which both stand."""
    first = max(one.first_day, other.first_day)
    return all(span.last_day is None or first <= span.last_day for span in (one, other))
