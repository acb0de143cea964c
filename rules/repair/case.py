"""The input and the output of a question about credit repair (信用修复)."""

from datetime import date
from enum import StrEnum
from typing import Any

import msgspec
from msgspec import Struct

from rules.listings.life import State
from rules.vocabulary import Determination, ListColour, Severity


class Regime(StrEnum):
    """The rules that govern: the city's two measures of 2018, or the national order in force since 2026-04-01."""

    HUAIAN2018 = "huaian2018"
    NDRC36 = "ndrc36"


class Assessment(StrEnum):
    """Whether a requirement is met. ``unknown``: a fact is not stated, or the rule is not known."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class Discredit(Struct, frozen=True, kw_only=True):
    """One determination against the subject (失信记录); never a red listing."""

    category: str
    determined_on: date
    """Taken for the day of the act, which records do not state."""
    severity: Severity = Severity.UNSPECIFIED
    determination: Determination = Determination.LIST_DECISION
    state: State = State.IN_FORCE
    ended_on: date | None = None
    """The first day on which it no longer counted; with ``state`` repaired, the day of the repair."""

    @property
    def severe(self) -> bool | None:
        """Whether it is 严重失信: as rated; an unrated black list decision is, an unrated penalty is unknown (None)."""
        if self.severity is Severity.UNSPECIFIED:
            return True if self.determination is Determination.LIST_DECISION else None
        return self.severity is Severity.SEVERE

    @property
    def serious(self) -> bool:
        """Whether it is 较重失信, by the authority's rating."""
        return self.severity is Severity.SERIOUS


class ListingToRepair(Discredit, frozen=True, kw_only=True):
    """The listing that is to be repaired."""

    list: ListColour = ListColour.BLACK
    organisation: bool
    last_day: date | None = None
    """The last day on which it counts, included."""
    published_from: date | None = None
    first_listing: bool | None = None

    @property
    def on_black_list(self) -> bool:
        """Whether 办法一 Art. 18 concerns it: a decision that put its subject on a black list."""
        return self.list is ListColour.BLACK and self.determination is Determination.LIST_DECISION


class StatedFacts(Struct, frozen=True, kw_only=True):
    """What subject and authority state; None: not stated. The gateway does not verify it."""

    fulfilled_on: date | None = None
    """Day on which all legal duties were performed, or the rectification was completed."""
    confirmed_on: date | None = None
    """Day on which the providing authority confirmed it."""
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
    """The listing, the facts, and ``others``: every other discredit of the subject in the ledger, taken as complete."""

    listing: ListingToRepair
    others: tuple[Discredit, ...] = ()
    facts: StatedFacts = StatedFacts()

    @property
    def not_annulled(self) -> tuple[Discredit, ...]:
        """The others without those annulled on an objection, which count as never made."""
        return tuple(other for other in self.others if other.state is not State.ANNULLED)


class Condition(Struct, frozen=True):
    """One requirement and whether it is met; a bar is met when it does *not* exist."""

    code: str
    article: str
    text_en: str
    text_zh: str
    holds: Assessment
    because_en: str
    because_zh: str
    from_when: date | None = None
    """The first day on which it will be met, when only time is missing."""


class RuleSetAnswer(Struct, frozen=True):
    """The answer of one set of rules."""

    code: str
    applies: bool
    """Whether these rules concern this kind of record; they are answered in any case."""
    eligible: Assessment
    deciding: tuple[str, ...]
    """Codes of the conditions that decide the answer."""
    earliest: date | None
    """The first day of eligibility, when only time is missing and the listing still counts on that day."""
    too_late: bool
    """Only time is missing, and the listing expires before it has passed."""
    conditions: tuple[Condition, ...]


class RepairAnswer(Struct, frozen=True):
    """The answer for one listing on one day. It grants no repair: the providing authority decides."""

    regime: Regime
    asked_on: date
    governing: str
    """Code of the rules that govern this kind of record."""
    eligible: Assessment
    """The answer of the governing rules."""
    conflict: bool
    codes: tuple[str, ...]
    note_en: str
    note_zh: str
    measures: tuple[RuleSetAnswer, ...]

    def as_dict(self) -> dict[str, Any]:
        """The JSON document: days as RFC 3339 full dates, texts in both languages."""
        return msgspec.json.decode(msgspec.json.encode(self))  # type: ignore[no-any-return]
