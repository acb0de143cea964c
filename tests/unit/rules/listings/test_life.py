"""The state of a listing is a fold over the set of its events: tables of examples, and properties."""

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.admission.feed_event import FeedEvent
from rules.listings.life import Life, State, life_of
from tests.unit.records import OTHER_ORGANISATION, record, removal
from tests.unit.validator import TODAY, VALIDATOR, WORKING_DAYS, life

Event = dict[str, Any]


def unversioned(event: Event) -> Event:
    return {name: value for name, value in event.items() if name != "version"}


LISTED = unversioned(record())
"""Determined on 2026-08-12, severe."""


def act(operation: str, day: str, **more: Any) -> Event:  # noqa: ANN401
    return {"operation": operation, "record_no": "R-1", "authority": "court", "determined_on": day} | more


def removed(day: str, **more: Any) -> Event:  # noqa: ANN401
    return act("remove", day, document_no="YC-1", **more)


def archived(day: str, **more: Any) -> Event:  # noqa: ANN401
    return act("archive", day, document_no="GD-1", **more)


def repaired(day: str, publicity_from: str | None = None, **more: Any) -> Event:  # noqa: ANN401
    return act("repair", day, document_no="XF-1", publicity_from=publicity_from or day, **more)


def objected(day: str, number: str = "YY-1", **more: Any) -> Event:  # noqa: ANN401
    return act("object", day, objection_no=number, **more)


def answered(day: str, result: str, number: str = "YY-1", **more: Any) -> Event:  # noqa: ANN401
    return act("object_resolve", day, objection_no=number, document_no="FH-1", result=result, **more)


def corrected(day: str, **changes: Any) -> Event:  # noqa: ANN401
    correction = {"operation": "correct", "corrected_on": day, "correction_document_no": "GZ-1"}
    return LISTED | correction | changes


def state(*events: Event, on: date = TODAY) -> State:
    return life(*events).state(on)


# ---------------------------------------------------------------- the state after a few events


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([LISTED], State.IN_FORCE),
        ([LISTED | {"severity": "general", "determined_on": "2025-11-22"}], State.EXPIRED),
        ([LISTED | {"severity": "serious"}], State.HELD),  # 较重 has no legal period
        ([LISTED | {"severity": "serious", "removed_on": "2026-12-01"}], State.IN_FORCE),
        ([LISTED, removed("2026-10-01")], State.REMOVED),
        ([removed("2026-10-01")], State.REMOVED),  # kept until the listing arrives
        ([LISTED, removed("2026-08-12")], State.REMOVED),  # on the day of the determination
        ([LISTED | {"determined_on": "2026-10-02"}, removed("2026-10-01")], State.IN_FORCE),  # determined again later
        ([record(version=3), removal(version=2)], State.IN_FORCE),
        ([record(version=1), removal(version=2), record(version=3)], State.IN_FORCE),
        ([record(version=1), removal(version=2), record(version=2)], State.REMOVED),  # a removal wins a tie
        ([LISTED, archived("2026-10-01")], State.ARCHIVED),
        ([LISTED, removed("2026-10-01"), archived("2026-11-01")], State.REMOVED),  # archiving changes no ending
        ([LISTED, objected("2026-09-01")], State.IN_FORCE),  # no article suspends the listing during an objection
        ([LISTED, objected("2026-09-01"), answered("2026-09-10", "rejected")], State.IN_FORCE),
        ([LISTED, objected("2026-09-01"), answered("2026-09-10", "upheld")], State.ANNULLED),
        ([LISTED, answered("2026-09-10", "upheld")], State.ANNULLED),  # filed with the centre, not with the authority
        ([answered("2026-09-10", "upheld")], State.ANNULLED),
        ([objected("2026-09-01")], State.PENDING),
        ([repaired("2026-09-01")], State.REPAIRED),
        # an answer applies only to what was determined on or before its day
        ([LISTED, answered("2026-09-10", "upheld"), LISTED | {"determined_on": "2026-09-11"}], State.IN_FORCE),
        ([LISTED, answered("2026-09-10", "rejected"), answered("2026-09-20", "upheld")], State.ANNULLED),  # 申诉
        ([LISTED, answered("2026-09-10", "upheld"), answered("2026-09-20", "rejected")], State.IN_FORCE),
        (
            [LISTED, answered("2026-09-10", "rejected", "YY-1"), answered("2026-09-10", "upheld", "YY-2")],
            State.ANNULLED,
        ),
        ([LISTED, corrected("2026-10-01")], State.IN_FORCE),
        ([corrected("2026-10-01")], State.IN_FORCE),  # the whole record, so it lists by itself
        ([LISTED, corrected("2026-10-01", severity="serious")], State.HELD),
        ([LISTED, removed("2026-09-15"), corrected("2026-10-01")], State.REMOVED),  # 办法一 Art. 16: not put back
        ([LISTED, removed("2026-09-15"), corrected("2026-10-01", determined_on="2026-09-20")], State.REMOVED),
        ([LISTED, answered("2026-09-10", "upheld"), corrected("2026-10-01")], State.ANNULLED),
        (
            [LISTED, answered("2026-09-10", "upheld"), corrected("2026-10-01", determined_on="2026-09-20")],
            State.ANNULLED,
        ),
        ([LISTED, archived("2026-09-15"), corrected("2026-10-01")], State.ARCHIVED),
    ],
)
def test_state_of_a_life(events: list[Event], expected: State) -> None:
    """The events give one state, in any order."""
    for order in permutations(events):
        assert state(*order) is expected


def test_removal_ends_the_listing_and_names_its_document() -> None:
    """The last day in force is the day before the removal, or the listing's own earlier end."""
    found = life(LISTED, removed("2026-10-01"))
    assert (found.last_day, found.termination and found.termination.document_no) == (date(2026, 9, 30), "YC-1")
    assert found.state(date(2026, 9, 30)) is State.IN_FORCE
    assert found.state(date(2026, 10, 1)) is State.REMOVED
    sooner = life(LISTED | {"valid_until": "2026-09-15"}, removed("2026-10-01"))
    assert sooner.last_day == date(2026, 9, 15)


def test_same_day_removal_voids_the_listing() -> None:
    """A listing removed on its first day, annulled or held never applies, not even against a red listing."""
    assert not life(LISTED, removed("2026-08-12")).applicable
    assert not life(LISTED, answered("2026-09-10", "upheld")).applicable
    assert not life(LISTED | {"severity": "serious"}).applicable
    assert life(LISTED, removed("2026-08-13")).applicable


def test_a_correction_replaces_what_was_said() -> None:
    """The later correction applies; the same listing with a higher version replaces both."""
    first, second = corrected("2026-10-01", document_no="一号"), corrected("2026-10-08", document_no="二号")
    for order in permutations([LISTED, first, second]):
        kept = life(*order).record
        assert kept is not None
        assert kept.document_no == "二号"
    restated = life(record(version=1), first | {"version": 2}, record(version=3, document_no="三号")).record
    assert restated is not None
    assert restated.document_no == "三号"


def test_open_objections_are_those_without_an_answer() -> None:
    """An open objection is identified by its number and dated by its earliest event."""
    found = life(
        LISTED, objected("2026-09-01", "A"), objected("2026-09-02", "B"), answered("2026-09-09", "rejected", "B")
    )
    assert [objection.objection_no for objection in found.objections] == ["A"]
    told_twice = life(LISTED, objected("2026-09-03", "A"), objected("2026-09-01", "A"))
    assert [objection.determined_on for objection in told_twice.objections] == [date(2026, 9, 1)]


def test_archived_listing_is_marked_until_listed_again() -> None:
    """A listing archived after its repair stays repaired (办法一 Art. 19)."""
    found = life(LISTED, repaired("2026-09-01"), archived("2026-10-12"))
    assert (found.state(TODAY), found.archived) == (State.REPAIRED, True)
    again = life(LISTED, archived("2026-10-12"), LISTED | {"determined_on": "2026-10-20"})
    assert (again.state(TODAY), again.archived) == (State.IN_FORCE, False)


# ---------------------------------------------------------------- repair (办法一 Art. 19)


@pytest.mark.parametrize(
    ("publicity_from", "first_day_free"),
    [
        ("2026-11-09", "2026-11-17"),  # a Monday: five working days after it end on the next Monday
        ("2026-11-13", "2026-11-21"),  # a Friday
        ("2026-11-14", "2026-11-21"),  # a Saturday
        ("2026-09-24", "2026-10-10"),  # Mid-Autumn and National Day within it
    ],
)
def test_a_repair_takes_effect_when_its_publicity_is_over(publicity_from: str, first_day_free: str) -> None:
    """In force to the end of the fifth working day after publication, and repaired from 00:00 of the next day."""
    found, free = life(LISTED, repaired(publicity_from)), date.fromisoformat(first_day_free)
    assert found.state(free - timedelta(days=1)) is State.IN_FORCE
    assert found.state(free) is State.REPAIRED
    assert found.last_day == free - timedelta(days=1)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ([objected("2026-09-10", concerns="repair")], State.IN_FORCE),  # being examined
        ([objected("2026-09-10", concerns="repair"), answered("2026-09-18", "upheld")], State.IN_FORCE),
        ([objected("2026-09-10", concerns="repair"), answered("2026-09-18", "rejected")], State.REPAIRED),
        ([objected("2026-09-14", concerns="repair")], State.IN_FORCE),  # on the last day: in time
        ([objected("2026-09-15", concerns="repair")], State.REPAIRED),  # "公示期间有异议的": after it
        ([objected("2026-09-15", concerns="repair"), answered("2026-09-20", "upheld")], State.REPAIRED),
        ([objected("2026-09-06", concerns="repair")], State.REPAIRED),  # before this publicity
        ([objected("2026-09-10")], State.REPAIRED),  # against the listing, not against its repair
        ([objected("2026-09-10", "A", concerns="repair"), answered("2026-09-11", "rejected", "B")], State.IN_FORCE),
        (
            [
                *(objected("2026-09-10", number, concerns="repair") for number in "AB"),
                answered("2026-09-18", "rejected", "A"),
            ],
            State.IN_FORCE,  # one of two is still open
        ),
    ],
)
def test_an_objection_during_publicity_stops_the_repair(said: list[Event], expected: State) -> None:
    """Publicity is from Monday 2026-09-07 to 09-14: an objection in it stops the repair unless it is rejected."""
    for order in permutations([LISTED, repaired("2026-09-07"), *said]):
        assert state(*order) is expected


def test_examined_repair_takes_effect_with_the_answer() -> None:
    """If the objection is rejected after the publicity, the repair takes effect on the day of the answer."""
    events = [
        LISTED,
        repaired("2026-09-07"),
        objected("2026-09-10", concerns="repair"),
        answered("2026-10-12", "rejected"),
    ]
    assert life(*events).state(date(2026, 10, 11)) is State.IN_FORCE
    assert life(*events).state(date(2026, 10, 12)) is State.REPAIRED


def test_a_repair_shortens_and_never_lengthens() -> None:
    """A removal or end before the publicity is over still ends the listing then."""
    assert life(LISTED, repaired("2026-11-16"), removed("2026-11-18")).state(TODAY) is State.REMOVED
    expiring = LISTED | {"valid_until": "2026-11-18"}
    assert life(expiring, repaired("2026-11-16")).last_day == date(2026, 11, 18)
    assert life(LISTED, repaired("2026-10-12"), removed("2026-11-18")).state(TODAY) is State.REPAIRED


def test_a_listing_determined_after_a_repair_stands() -> None:
    """A repair does not apply to a later determination."""
    again = LISTED | {"determined_on": "2026-11-02"}
    assert state(LISTED, repaired("2026-10-12"), again) is State.IN_FORCE


def test_a_publicity_in_an_unpublished_year_is_provisional() -> None:
    """Without a holiday table only weekends are counted, and the result is marked provisional."""
    listed = LISTED | {"determined_on": "2027-12-01"}
    found = life(listed, repaired("2027-12-29"), today=date(2027, 12, 30))
    assert found.provisional
    assert not life(LISTED, repaired("2026-11-16")).provisional


# ---------------------------------------------------------------- properties

DAYS = st.dates(date(2026, 7, 1), TODAY).map(date.isoformat)
OBJECTIONS = st.sampled_from(["YY-1", "YY-2"])


def _version(event: Event, version: int | None) -> Event:
    return event if version is None else event | {"version": version}


def _of(kind: Callable[..., Event], *arguments: st.SearchStrategy[Any]) -> st.SearchStrategy[Event]:
    return st.builds(kind, DAYS, *arguments)


ANY_EVENT: st.SearchStrategy[Event] = st.builds(
    _version,
    st.one_of(
        st.builds(
            lambda day, severity, number: (
                LISTED | {"determined_on": day, "severity": severity, "subject": LISTED["subject"] | {"id": number}}
            ),
            DAYS,
            st.sampled_from(["severe", "general", "serious"]),
            st.sampled_from([LISTED["subject"]["id"], OTHER_ORGANISATION]),
        ),
        _of(removed),
        _of(archived),
        _of(repaired),
        _of(objected, OBJECTIONS),
        st.builds(lambda day, number: objected(day, number, concerns="repair"), DAYS, OBJECTIONS),
        _of(answered, st.sampled_from(["upheld", "rejected"]), OBJECTIONS),
        st.builds(lambda day, made: corrected(day, determined_on=made), DAYS, DAYS),
    ),
    st.one_of(st.none(), st.integers(1, 4)),
)


def arrive(events: Sequence[Event]) -> list[FeedEvent]:
    """Each event as accepted, with the time and position that it keeps in every later delivery."""
    return [
        VALIDATOR.validate(event, today=TODAY, default_version=n // 2, position=n) for n, event in enumerate(events)
    ]


def folded(claims: Sequence[FeedEvent]) -> Life:
    return life_of([claim.record for claim in sorted(claims, key=lambda claim: claim.order)], WORKING_DAYS)


@given(st.data(), st.lists(ANY_EVENT, min_size=1, max_size=8))
def test_neither_order_nor_repetition_matters(data: st.DataObject, events: list[Event]) -> None:
    """Any order of the events, with repetitions, gives the same result."""
    claims = arrive(events)
    again = data.draw(st.lists(st.sampled_from(claims), max_size=4))
    assert folded(data.draw(st.permutations(claims + again))) == folded(claims)


@given(st.lists(ANY_EVENT, min_size=1, max_size=8))
def test_no_two_events_share_a_place(events: list[Event]) -> None:
    """The order is total: two events with the same order have the same record."""
    claims = arrive(events)
    assert all(one.record == other.record for one in claims for other in claims if one.order == other.order)


@given(st.lists(ANY_EVENT, min_size=1, max_size=8))
def test_listing_is_in_force_through_its_last_day(events: list[Event]) -> None:
    """State and last day agree on every day; a listing that does not apply is never in force."""
    found = folded(arrive(events))
    start = found.record.determined_on if found.record else TODAY
    days = [start + timedelta(days=n) for n in range(0, 4 * 366, 7)]
    days += [day + timedelta(days=n) for day in [found.last_day or start] if day.year > 1 for n in (0, 1)]
    for day in (day for day in days if day >= start):
        counts = found.applicable and (found.last_day is None or day <= found.last_day)
        assert counts == (found.state(day) is State.IN_FORCE)


@given(st.lists(ANY_EVENT, min_size=1, max_size=8), DAYS)
def test_latest_removal_always_wins(events: list[Event], day: str) -> None:
    """A removal with the highest version ends the listing, whatever came before."""
    found = folded(arrive([*events, removed(day, version=9)]))
    assert found.state(TODAY) is not State.IN_FORCE
    assert found.state(TODAY) is not State.HELD


@given(st.lists(ANY_EVENT, min_size=1, max_size=8), DAYS)
def test_correction_restores_nothing(events: list[Event], day: str) -> None:
    """No correction restores an ended listing or postpones its end (办法一 Art. 16)."""
    before = folded(arrive(events))
    after = folded(arrive([*events, corrected(day, determined_on=day, version=9)]))
    if before.record is not None and before.termination is not None:
        assert after.termination is not None
        assert after.termination.on <= before.termination.on
