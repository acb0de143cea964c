"""The life of a listing, from all that its authority has said about it.

The life is a fold over the *set* of events in their legal order, not over their arrival. So late,
repeated and interleaved deliveries end in the same life, and a removal that comes first still holds.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum

from rules.listings.validity import Validity, in_force, validity_of
from rules.records.feed_record import (
    ArchiveRecord,
    CorrectRecord,
    FeedRecord,
    ListRecord,
    ObjectRecord,
    RemoveRecord,
    RepairRecord,
    ResolveRecord,
)
from rules.vocabulary import ObjectionResult, ObjectionSubject
from rules.working_days import WorkingDays, publicity_end


class State(StrEnum):
    """Where a listing stands on a day."""

    PENDING = "pending"
    """Something was said about it, but the listing itself has not come."""
    HELD = "held"
    """It cannot be applied as it is, and is kept until the authority completes it."""
    IN_FORCE = "in_force"
    EXPIRED = "expired"
    REMOVED = "removed"
    REPAIRED = "repaired"
    ANNULLED = "annulled"
    """An objection was upheld: it should never have been made."""
    ARCHIVED = "archived"


@dataclass(frozen=True, slots=True)
class Ending:
    """How a listing ended. ``on`` is the first day on which it counts no more."""

    state: State
    on: date
    document_no: str


@dataclass(frozen=True, slots=True)
class Life:
    """What the events of one listing come to."""

    record: ListRecord | None = None
    validity: Validity | None = None
    ending: Ending | None = None
    archived: bool = False
    objections: tuple[ObjectRecord, ...] = ()
    """The open ones."""
    repair: RepairRecord | None = None
    """A repair that was announced: in publicity, suspended by an objection, or carried out."""
    provisional: bool = False
    """Whether a day in it rests on a year whose working days are not published yet."""

    @property
    def last_day(self) -> date | None:
        """The last day on which it counts; None when it never ends, or never began."""
        stated = self.validity.last_day if self.validity else None
        if self.ending is None:
            return stated
        before = self.ending.on - timedelta(days=1)
        return before if stated is None else min(stated, before)

    @property
    def applicable(self) -> bool:
        """Whether it counts on any day at all."""
        return (
            self.record is not None
            and self.validity is not None
            and not self.validity.held
            and (self.ending is None or self.ending.on > self.record.determined_on)
        )

    def state(self, today: date) -> State:
        """Where it stands on that day in Beijing."""
        if self.ending is not None and today >= self.ending.on:
            return self.ending.state
        if self.record is None or self.validity is None:
            return State.PENDING
        if self.validity.held:
            return State.HELD
        return State.IN_FORCE if in_force(self.validity.last_day, today) else State.EXPIRED


@dataclass(slots=True)
class _Draft:
    record: ListRecord | None = None
    determined_on: date | None = None
    """The day of the determination that stands; a correction may move it back, never forward."""
    ending: Ending | None = None
    archived: bool = False
    repair: RepairRecord | None = None
    objections: dict[str, ObjectRecord] = field(default_factory=dict)
    resolutions: dict[str, ResolveRecord] = field(default_factory=dict)


def life_of(events: Sequence[FeedRecord], working_days: WorkingDays) -> Life:
    """The life that these events, in their legal order (``rules.admission.validator``), come to."""
    draft = _Draft()
    for event in events:
        _take(draft, event)
    ending, provisional = _annulled(draft) or draft.ending, False
    if draft.repair is not None and (ending is None or ending.state is not State.ANNULLED):
        repaired, provisional = _repaired(draft.repair, draft, working_days)
        if repaired is not None and (ending is None or repaired.on < ending.on):
            ending = repaired
    return Life(
        record=draft.record,
        validity=None if draft.record is None else validity_of(draft.record),
        ending=ending,
        archived=draft.archived,
        objections=tuple(o for number, o in sorted(draft.objections.items()) if number not in draft.resolutions),
        repair=draft.repair,
        provisional=provisional,
    )


def _take(draft: _Draft, event: FeedRecord) -> None:
    match event:
        case CorrectRecord():
            draft.record = event
            draft.determined_on = min(draft.determined_on or event.determined_on, event.determined_on)
        case ListRecord():
            draft.record, draft.ending, draft.archived, draft.repair = event, None, False, None
            draft.determined_on = event.determined_on
        case RemoveRecord():
            _end(draft, Ending(State.REMOVED, event.determined_on, event.document_no))
        case RepairRecord():
            draft.repair = event
        case ObjectRecord():
            draft.objections.setdefault(event.objection_no, event)
        case ResolveRecord():
            draft.resolutions[event.objection_no] = event
        case ArchiveRecord():
            draft.archived = True
            _end(draft, Ending(State.ARCHIVED, event.determined_on, event.document_no))


def _end(draft: _Draft, ending: Ending) -> None:
    """The first ending stands; what follows it can only be its archiving."""
    if draft.ending is None:
        draft.ending = ending


def _annulled(draft: _Draft) -> Ending | None:
    """The end by an objection that was upheld: the listing should never have been, so no day of it counts.

    Objections carry no versions, so the days decide which determination was objected to: one made later stands.
    A correction makes none (办法一 Art. 16).
    """
    against = (
        resolution
        for resolution in draft.resolutions.values()
        if resolution.result is ObjectionResult.UPHELD
        and _concerns(draft, resolution) is ObjectionSubject.LISTING
        and (draft.determined_on is None or draft.determined_on <= resolution.determined_on)
    )
    first = min(against, key=lambda found: (found.determined_on, found.objection_no), default=None)
    return None if first is None else Ending(State.ANNULLED, date.min + timedelta(days=1), first.document_no)


def _concerns(draft: _Draft, event: ResolveRecord) -> ObjectionSubject:
    objection = draft.objections.get(event.objection_no)
    return ObjectionSubject.LISTING if objection is None else objection.concerns


def _repaired(repair: RepairRecord, draft: _Draft, working_days: WorkingDays) -> tuple[Ending | None, bool]:
    """The end by repair: after its publicity, and never over an objection raised during it (办法一 Art. 19)."""
    publicity = publicity_end(repair.publicity_from, working_days)
    on = publicity.day + timedelta(days=1)
    against = (
        number
        for number, objection in draft.objections.items()
        if objection.concerns is ObjectionSubject.REPAIR
        and repair.publicity_from <= objection.determined_on <= publicity.day
    )
    for number in against:
        resolution = draft.resolutions.get(number)
        if resolution is None or resolution.result is ObjectionResult.UPHELD:
            return None, publicity.provisional
        on = max(on, resolution.determined_on)
    return Ending(State.REPAIRED, max(on, repair.determined_on), repair.document_no), publicity.provisional
