"""The life of a listing: its state, computed from all events that its authority has sent about it.

    events in legal order ─▶ _apply ─▶ _Fold ─▶ _annulment, _repair_termination ─▶ Life

The life is a fold over the *set* of events in their legal order (``rules.admission.feed_event``), not in the order
of arrival. Late, repeated and interleaved deliveries therefore give the same life, and a removal that arrives before
its listing still counts (办法一 Art. 15, 16, 19 and 20; 办法二 Art. 28, 29 and 32).
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
    """The state of a listing on a day."""

    PENDING = "pending"
    """Events about it have arrived, but not the listing itself."""
    HELD = "held"
    """It cannot be applied as it is, and waits until the authority completes it (``Validity.held``)."""
    IN_FORCE = "in_force"
    EXPIRED = "expired"
    REMOVED = "removed"
    REPAIRED = "repaired"
    ANNULLED = "annulled"
    """An objection was upheld: the listing should never have been made."""
    ARCHIVED = "archived"


@dataclass(frozen=True, slots=True)
class Termination:
    """How a listing ended (退出). ``on`` is the first day on which it no longer counts."""

    state: State
    on: date
    document_no: str


@dataclass(frozen=True, slots=True)
class Life:
    """The state of one listing after all of its events."""

    record: ListRecord | None = None
    validity: Validity | None = None
    termination: Termination | None = None
    archived: bool = False
    objections: tuple[ObjectRecord, ...] = ()
    """The pending ones."""
    repair: RepairRecord | None = None
    """A repair opinion: in publicity (公示), suspended by an objection, or carried out."""
    provisional: bool = False
    """Whether a day rests on a year whose working days are not published yet."""

    @property
    def last_day(self) -> date | None:
        """The last day on which it counts; None when it has no end, or no listing has arrived."""
        stated = self.validity.last_day if self.validity else None
        if self.termination is None:
            return stated
        before = self.termination.on - timedelta(days=1)
        return before if stated is None else min(stated, before)

    @property
    def applicable(self) -> bool:
        """Whether there is a day on which it counts."""
        return (
            self.record is not None
            and self.validity is not None
            and not self.validity.held
            and (self.termination is None or self.termination.on > self.record.determined_on)
        )

    def state(self, today: date) -> State:
        """The state on that day in Beijing."""
        if self.termination is not None and today >= self.termination.on:
            return self.termination.state
        if self.record is None or self.validity is None:
            return State.PENDING
        if self.validity.held:
            return State.HELD
        return State.IN_FORCE if in_force(self.validity.last_day, today) else State.EXPIRED


@dataclass(slots=True)
class _Fold:
    """What the events up to here say, before objections and repair are weighed."""

    record: ListRecord | None = None
    determined_on: date | None = None
    """The day of the current determination; a correction may move it back, never forward."""
    termination: Termination | None = None
    archived: bool = False
    repair: RepairRecord | None = None
    objections: dict[str, ObjectRecord] = field(default_factory=dict)
    resolutions: dict[str, ResolveRecord] = field(default_factory=dict)


def life_of(events: Sequence[FeedRecord], working_days: WorkingDays) -> Life:
    """The life after these events, given in their legal order (``rules.admission.feed_event.order_of``)."""
    fold = _Fold()
    for event in events:
        _apply(fold, event)
    termination, provisional = _annulment(fold) or fold.termination, False
    if fold.repair is not None and (termination is None or termination.state is not State.ANNULLED):
        repaired, provisional = _repair_termination(fold.repair, fold, working_days)
        if repaired is not None and (termination is None or repaired.on < termination.on):
            termination = repaired
    return Life(
        record=fold.record,
        validity=None if fold.record is None else validity_of(fold.record),
        termination=termination,
        archived=fold.archived,
        objections=tuple(o for number, o in sorted(fold.objections.items()) if number not in fold.resolutions),
        repair=fold.repair,
        provisional=provisional,
    )


def _apply(fold: _Fold, event: FeedRecord) -> None:
    match event:
        case CorrectRecord():
            fold.record = event
            fold.determined_on = min(fold.determined_on or event.determined_on, event.determined_on)
        case ListRecord():
            fold.record, fold.termination, fold.archived, fold.repair = event, None, False, None
            fold.determined_on = event.determined_on
        case RemoveRecord():
            termination = Termination(State.REMOVED, event.determined_on, event.document_no)
            fold.termination = fold.termination or termination
        case RepairRecord():
            fold.repair = event
        case ObjectRecord():
            fold.objections.setdefault(event.objection_no, event)
        case ResolveRecord():
            fold.resolutions[event.objection_no] = event
        case ArchiveRecord():
            fold.archived = True
            # The first termination counts: archiving changes nothing about a listing that has ended.
            termination = Termination(State.ARCHIVED, event.determined_on, event.document_no)
            fold.termination = fold.termination or termination


def _annulment(fold: _Fold) -> Termination | None:
    """Termination by an upheld objection (办法一 Art. 16): no day of the listing counts.

    Objections carry no version, so the days decide which determination they concern: one made after the
    resolution is not affected. A correction is no new determination.
    """
    upheld = (
        resolution
        for resolution in fold.resolutions.values()
        if resolution.result is ObjectionResult.UPHELD
        and _concerns(fold, resolution) is ObjectionSubject.LISTING
        and (fold.determined_on is None or fold.determined_on <= resolution.determined_on)
    )
    first = min(upheld, key=lambda found: (found.determined_on, found.objection_no), default=None)
    return None if first is None else Termination(State.ANNULLED, date.min + timedelta(days=1), first.document_no)


def _concerns(fold: _Fold, event: ResolveRecord) -> ObjectionSubject:
    objection = fold.objections.get(event.objection_no)
    return ObjectionSubject.LISTING if objection is None else objection.concerns


def _repair_termination(
    repair: RepairRecord, fold: _Fold, working_days: WorkingDays
) -> tuple[Termination | None, bool]:
    """Termination by repair (办法一 Art. 19, 办法二 Art. 32), and whether its day is provisional."""
    # It takes effect after the publicity, and only once every objection raised during it is rejected.
    publicity = publicity_end(repair.publicity_from, working_days)
    on = publicity.day + timedelta(days=1)
    objections = (
        number
        for number, objection in fold.objections.items()
        if objection.concerns is ObjectionSubject.REPAIR
        and repair.publicity_from <= objection.determined_on <= publicity.day
    )
    for number in objections:
        resolution = fold.resolutions.get(number)
        if resolution is None or resolution.result is ObjectionResult.UPHELD:
            return None, publicity.provisional
        on = max(on, resolution.determined_on)
    return Termination(State.REPAIRED, max(on, repair.determined_on), repair.document_no), publicity.provisional
