"""What a question about credit repair (信用修复) is asked with, and what the answer is made of."""

from datetime import date
from enum import StrEnum
from typing import Any

import msgspec
from msgspec import Struct

from rules.listings.life import State
from rules.vocabulary import Determination, ListColour, Severity


class Regime(StrEnum):
    """Whose rules are asked: the city's two measures of 2018, or the national order in force since 2026-04-01."""

    HUAIAN2018 = "huaian2018"
    NDRC36 = "ndrc36"


class Holds(StrEnum):
    """Whether a requirement is met. ``unknown`` is an answer: it was not stated, or the rule is not known."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class Discredit(Struct, frozen=True, kw_only=True):
    """One determination against the subject; never a red one."""

    category: str
    determined_on: date
    """Stands for the day of the act, which records do not carry."""
    severity: Severity = Severity.UNSPECIFIED
    determination: Determination = Determination.LIST_DECISION
    state: State = State.IN_FORCE
    ended_on: date | None = None
    """The first day on which it counted no more; with ``state`` repaired, the day of the repair."""

    @property
    def severe(self) -> bool | None:
        """严重失信: as rated, else a black list decision by its nature; None for an unrated penalty."""
        if self.severity is Severity.UNSPECIFIED:
            return True if self.determination is Determination.LIST_DECISION else None
        return self.severity is Severity.SEVERE

    @property
    def serious(self) -> bool:
        """较重失信, by the authority's rating."""
        return self.severity is Severity.SERIOUS


class ListingToRepair(Discredit, frozen=True, kw_only=True):
    """The listing that the subject asks to have repaired."""

    list: ListColour = ListColour.BLACK
    organisation: bool
    last_day: date | None = None
    """The last day on which it counts, included."""
    published_from: date | None = None
    first_listing: bool | None = None

    @property
    def on_black_list(self) -> bool:
        """Whether 办法一 Art. 18 speaks of it: a decision that put its subject on a black list."""
        return self.list is ListColour.BLACK and self.determination is Determination.LIST_DECISION


class StatedFacts(Struct, frozen=True, kw_only=True):
    """What subject and authority state; None where nothing is stated. The gateway verifies none of it."""

    fulfilled_on: date | None = None
    """All legal duties performed, or the rectification completed."""
    confirmed_on: date | None = None
    """The providing authority confirmed that."""
    corrected_on: date | None = None
    correction_effective: bool | None = None
    impact_eliminated: bool | None = None
    remorse_recognised: bool | None = None
    measures_taken: bool | None = None
    credit_system: bool | None = None
    commitment: bool | None = None
    bankruptcy_proceedings: bool | None = None
    ignored_warning: bool | None = None
    other_bar: bool | None = None


class RepairCase(Struct, frozen=True, kw_only=True):
    """All that is known. ``others`` is taken for complete: every other discredit that the ledger has of the subject."""

    listing: ListingToRepair
    others: tuple[Discredit, ...] = ()
    facts: StatedFacts = StatedFacts()

    @property
    def standing(self) -> tuple[Discredit, ...]:
        """The others, without those annulled on an objection: they should never have been."""
        return tuple(other for other in self.others if other.state is not State.ANNULLED)


class Condition(Struct, frozen=True):
    """One requirement and whether it is met. For a bar, that it is *not* in the way."""

    code: str
    article: str
    text_en: str
    text_zh: str
    holds: Holds
    because_en: str
    because_zh: str
    from_when: date | None = None
    """The first day on which it will be met, where nothing but time is missing."""


class Measure(Struct, frozen=True):
    """What one set of rules answers."""

    code: str
    applies: bool
    """Whether these rules speak of this kind of record at all; they are answered either way."""
    eligible: Holds
    deciding: tuple[str, ...]
    """Codes of the conditions that make the answer what it is."""
    earliest: date | None
    """The first day of eligibility, where nothing but time is missing and the listing still counts then."""
    too_late: bool
    """Nothing but time is missing, and the listing will have expired before it has passed."""
    conditions: tuple[Condition, ...]


class RepairAnswer(Struct, frozen=True):
    """The answer for one listing on one day. It grants nothing: the providing authority decides."""

    regime: Regime
    asked_on: date
    governing: str
    """Code of the measure that governs this kind of record."""
    eligible: Holds
    """What the governing measure answers."""
    conflict: bool
    codes: tuple[str, ...]
    note_en: str
    note_zh: str
    measures: tuple[Measure, ...]

    def as_dict(self) -> dict[str, Any]:
        """For JSON: days as RFC 3339 full dates, texts in both languages."""
        return msgspec.json.decode(msgspec.json.encode(self))  # type: ignore[no-any-return]
