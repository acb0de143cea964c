"""Credit repair: each condition at its edge, which conditions decide, and where the two measures conflict."""

import json
from datetime import date, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from rules.listings.life import State, life_of
from rules.records.feed_record import feed_record_from
from rules.repair.answer import G31, J18, NDRC36, REPAIR_RULE_CONFLICT, repair_answer
from rules.repair.case import (
    Assessment,
    Condition,
    Discredit,
    ListingToRepair,
    Regime,
    RepairCase,
    RuleSetAnswer,
    StatedFacts,
)
from rules.repair.spans import first_day_after, months_after
from rules.repair.texts import FACTS, REQUIREMENTS
from rules.vocabulary import Determination, ListColour, Severity
from rules.working_days import HolidayYear, WorkingDays
from tests.unit.records import record

YES, NO, UNKNOWN = Assessment.YES, Assessment.NO, Assessment.UNKNOWN
TODAY = date(2026, 11, 23)
LONG_AGO = date(2020, 1, 1)
PENALTY, DECISION = Determination.ADMINISTRATIVE_PENALTY, Determination.LIST_DECISION
GOOD = StatedFacts(
    fulfilled_on=date(2026, 5, 22),
    confirmed_on=date(2026, 5, 22),
    corrected_on=date(2025, 3, 1),
    correction_effective=True,
    impact_eliminated=True,
    remorse_recognised=True,
    measures_taken=True,
    credit_system=True,
    commitment=True,
    bankruptcy_proceedings=False,
    ignored_warning=False,
    other_bar=False,
)


def black(**changes: Any) -> ListingToRepair:  # noqa: ANN401
    """A first black listing of a company, from January 2026, with changes."""
    value: dict[str, Any] = {
        "category": "C07",
        "determined_on": date(2026, 1, 10),
        "severity": Severity.SEVERE,
        "organisation": True,
        "last_day": date(2029, 1, 10),
        "published_from": date(2026, 1, 12),
        "first_listing": True,
    }
    return ListingToRepair(**(value | changes))


def penalty(**changes: Any) -> ListingToRepair:  # noqa: ANN401
    """A serious penalty of 2024 that Art. 31 allows to repair, with changes."""
    value: dict[str, Any] = {
        "severity": Severity.SERIOUS,
        "determination": PENALTY,
        "determined_on": date(2024, 6, 1),
        "published_from": date(2024, 6, 3),
    }
    return black(**(value | changes))


def other(determined_on: date, **changes: Any) -> Discredit:  # noqa: ANN401
    value: dict[str, Any] = {"category": "C02", "determined_on": determined_on, "severity": Severity.SEVERE}
    return Discredit(**(value | changes))


def case(listing: ListingToRepair | None = None, /, *others: Discredit, **facts: Any) -> RepairCase:  # noqa: ANN401
    return RepairCase(
        listing=listing or black(), others=others, facts=msgspec.structs.replace(GOOD, **facts) if facts else GOOD
    )


def measure(asked: RepairCase, code: str, today: date = TODAY) -> RuleSetAnswer:
    """One measure of the answer, under the regime that includes all three."""
    return {m.code: m for m in repair_answer(asked, regime=Regime.NDRC36, today=today).measures}[code]


def found(asked: RepairCase, code: str, today: date = TODAY) -> Condition:
    home = {"J18": J18, "G31": G31, "N36": NDRC36}[code[:3]]
    return {c.code: c for c in measure(asked, home, today).conditions}[code]


def repaired(on: date, category: str = "C02") -> Discredit:
    return other(LONG_AGO, category=category, severity=Severity.GENERAL, state=State.REPAIRED, ended_on=on)


def done(day: date) -> dict[str, date]:
    return {"fulfilled_on": day, "confirmed_on": day}


SERIOUS = [other(date(2025, month, 1), severity=Severity.SERIOUS) for month in (1, 3, 5)]

WAITING = [
    ("J18_QUIET", case(**done(date(2026, 5, 22))), date(2026, 11, 23)),
    ("J18_QUIET", case(**done(date(2025, 8, 31))), date(2026, 3, 1)),  # no 31 February: the last day of the month
    ("J18_QUIET", case(**done(date(2023, 8, 29))), date(2024, 3, 1)),  # 29 February is that day
    ("J18_QUIET", case(fulfilled_on=LONG_AGO), date(2026, 11, 23)),  # the confirmation is later
    ("J18_QUIET", case(confirmed_on=LONG_AGO), date(2026, 11, 23)),  # the performance is later
    ("J18_QUIET", case(black(first_listing=False), **done(date(2024, 2, 29))), date(2025, 3, 1)),
    ("J18_QUIET", case(black(first_listing=False), **done(date(2025, 11, 22))), date(2026, 11, 23)),
    ("G31_A1", case(penalty(published_from=date(2025, 11, 30))), date(2026, 3, 1)),
    ("G31_A1", case(penalty(published_from=date(2026, 8, 22))), date(2026, 11, 23)),
    ("G31_A3", case(penalty(), corrected_on=date(2024, 2, 29)), date(2025, 3, 1)),
    ("G31_B1", case(penalty(), other(date(2025, 2, 10))), date(2026, 2, 11)),
    ("G31_B1", case(penalty(), *SERIOUS), date(2026, 1, 2)),  # the third latest leaves the year
    ("G31_B1", case(black()), date(2027, 1, 11)),  # the listing itself
    ("G31_B1", case(black(severity=Severity.UNSPECIFIED)), date(2027, 1, 11)),  # a black listing is severe
    ("G31_B3", case(penalty(), repaired(date(2025, 3, 31))), date(2026, 4, 1)),
    ("G31_B4", case(penalty(), repaired(date(2021, 3, 1)), repaired(date(2024, 6, 30))), date(2026, 3, 2)),
    ("G31_B5", case(penalty(), repaired(date(2020, 2, 29), "C07")), date(2025, 3, 1)),
    ("N36_SHORTEST", case(penalty(severity=Severity.GENERAL, determined_on=date(2026, 5, 31))), date(2026, 9, 1)),
    ("N36_SHORTEST", case(black()), date(2027, 1, 11)),
    ("N36_IN_FORCE", case(), date(2026, 4, 1)),
]


@pytest.mark.parametrize(("code", "asked", "first"), WAITING)
def test_a_condition_of_time_at_its_edge(code: str, asked: RepairCase, first: date) -> None:
    """Not met on the last day of the period, with the day from which it is met; met from that day."""
    before = found(asked, code, first - timedelta(days=1))
    assert (before.holds, before.from_when) == (NO, first)
    for later in (first, first + timedelta(days=1)):
        assert (found(asked, code, later).holds, found(asked, code, later).from_when) == (YES, None)


@pytest.mark.parametrize("code", ["J18_PERIOD", "G31_PERIOD", "N36_PERIOD"])
def test_only_while_the_record_counts(code: str) -> None:
    """Met through the record's last day; a record that has ended cannot be repaired."""
    asked = case(black(last_day=date(2026, 11, 23)))
    assert [found(asked, code, date(2026, 11, day)).holds for day in (22, 23, 24)] == [YES, YES, NO]
    assert found(asked, code, date(2026, 11, 24)).from_when is None
    assert found(case(black(last_day=None)), code).holds is UNKNOWN
    assert found(case(black(state=State.HELD)), code).holds is UNKNOWN
    for state in (State.EXPIRED, State.REMOVED, State.REPAIRED, State.ANNULLED, State.ARCHIVED):
        assert found(case(black(state=state)), code).holds is NO


WANTED = {
    "impact_eliminated": ["J18_IMPACT", "G31_A2"],
    "remorse_recognised": ["J18_REMORSE"],
    "measures_taken": ["J18_MEASURES"],
    "credit_system": ["J18_MEASURES", "G31_C"],
    "commitment": ["J18_COMMITMENT", "G31_C", "N36_COMMITMENT"],
    "correction_effective": ["G31_A2"],
}
BARS = {"bankruptcy_proceedings": "G31_B2", "ignored_warning": "G31_B6", "other_bar": "G31_B7"}


@pytest.mark.parametrize(("fact", "code"), [(fact, code) for fact, codes in WANTED.items() for code in codes])
def test_a_stated_fact_has_three_values(fact: str, code: str) -> None:
    """True meets the condition, False fails it, unstated is unknown; the reason names the fact in both languages."""
    assert [found(case(**{fact: value}), code).holds for value in (True, False, None)] == [YES, NO, UNKNOWN]
    for value in (False, None):
        told = found(case(**{fact: value}), code)
        assert FACTS[fact].en in told.because_en
        assert FACTS[fact].zh in told.because_zh


@pytest.mark.parametrize(("fact", "code"), sorted(BARS.items()))
def test_a_bar_has_three_values(fact: str, code: str) -> None:
    """A stated bar fails the condition; an unstated bar is unknown."""
    assert [found(case(**{fact: value}), code).holds for value in (False, True, None)] == [YES, NO, UNKNOWN]


@pytest.mark.parametrize("fact", ["bankruptcy_proceedings", "ignored_warning"])
def test_two_bars_are_for_organisations(fact: str) -> None:
    """They apply to 企业 and 社会法人: a person need not state them."""
    assert found(case(penalty(organisation=False), **{fact: None}), BARS[fact]).holds is YES


@pytest.mark.parametrize(
    ("code", "fact"),
    [("J18_PERFORMED", "fulfilled_on"), ("J18_PERFORMED", "confirmed_on"), ("G31_A2", "corrected_on")],
)
def test_unstated_day_is_unknown_and_future_day_waits(code: str, fact: str) -> None:
    """A future day does not meet the condition before it comes."""
    assert found(case(**{fact: None}), code).holds is UNKNOWN
    tomorrow = TODAY + timedelta(days=1)
    assert (found(case(**{fact: tomorrow}), code).holds, found(case(**{fact: tomorrow}), code).from_when) == (
        NO,
        tomorrow,
    )
    assert found(case(**{fact: TODAY}), code).holds is YES


# Edge cases of the domain notes ---------------------------------------------------------------------------


def test_30_first_listing_after_five_and_six_months() -> None:
    """Five months are too few; after six, Art. 18 permits what Art. 31 (二) 1 bars: a conflict."""
    early = repair_answer(case(**done(date(2026, 6, 22))), regime=Regime.HUAIAN2018, today=TODAY)
    assert (early.governing, early.eligible) == (J18, NO)
    assert early.measures[0].deciding == ("J18_QUIET",)
    assert early.measures[0].earliest == date(2026, 12, 23)
    late = repair_answer(case(), regime=Regime.HUAIAN2018, today=TODAY)
    assert (late.governing, late.eligible) == (J18, YES)
    assert [m.eligible for m in late.measures] == [YES, NO]
    assert late.measures[1].deciding == ("G31_B1",)
    assert "This record itself is severe" in found(case(), "G31_B1").because_en
    assert (late.conflict, late.codes) == (True, (REPAIR_RULE_CONFLICT,))


@pytest.mark.parametrize(("objects_on", "state"), [(date(2026, 11, 27), State.IN_FORCE), (None, State.REPAIRED)])
def test_31_objection_on_the_fourth_publicity_day(objects_on: date | None, state: State) -> None:
    """An objection within the five working days of publicity stops the repair."""
    act = {"record_no": "R-1", "authority": "court", "version": 2}
    events = [
        feed_record_from(record(valid_until="2029-08-12")),
        feed_record_from(
            act
            | {"operation": "repair", "determined_on": "2026-11-23", "document_no": "x", "publicity_from": "2026-11-23"}
        ),
    ]
    if objects_on:
        objection = {"operation": "object", "determined_on": str(objects_on), "objection_no": "O", "concerns": "repair"}
        events.append(feed_record_from(act | objection))
    days = WorkingDays([HolidayYear(2026, "x", (), ())])
    assert life_of(events, days).state(date(2026, 12, 1)) is state


def test_32_new_offence_after_repair_waits_a_year() -> None:
    """An archived first listing makes this one a repeated listing, whatever is stated."""
    first = other(date(2023, 1, 1), state=State.REPAIRED, ended_on=date(2024, 1, 1))
    told = measure(case(black(first_listing=True), first), J18)
    assert told.deciding == ("J18_QUIET",)
    assert told.earliest == date(2027, 5, 23)
    annulled = other(date(2023, 1, 1), state=State.ANNULLED, ended_on=date(2023, 2, 1))
    assert measure(case(black(first_listing=True), annulled), J18).eligible is YES
    fined = other(date(2023, 1, 1), determination=PENALTY)
    assert measure(case(black(first_listing=True), fined), J18).eligible is YES


def test_55_bankruptcy_bars_locally_and_reviews_nationally() -> None:
    """Art. 31 (二) 2 bars; the national order may suspend discipline in a reorganisation, so a person decides."""
    asked = case(penalty(), bankruptcy_proceedings=True)
    assert repair_answer(asked, regime=Regime.HUAIAN2018, today=TODAY).eligible is NO
    national = repair_answer(asked, regime=Regime.NDRC36, today=TODAY)
    assert (national.governing, national.eligible) == (NDRC36, UNKNOWN)
    assert "N36_BANKRUPTCY" in national.measures[0].deciding


# What decides -----------------------------------------------------------------------------------------------


def test_other_records_are_governed_by_article_31() -> None:
    """A penalty is not a black listing: Art. 18 is shown, but neither governs nor conflicts."""
    answer = repair_answer(case(penalty()), regime=Regime.HUAIAN2018, today=TODAY)
    assert (answer.governing, answer.eligible, answer.conflict) == (G31, YES, False)
    assert [(m.code, m.applies) for m in answer.measures] == [(J18, False), (G31, True)]
    barred = repair_answer(case(penalty(), remorse_recognised=False), regime=Regime.HUAIAN2018, today=TODAY)
    assert (barred.measures[0].eligible, barred.eligible, barred.conflict) == (NO, YES, False)


def test_one_black_listing_both_rules_agree_on() -> None:
    """An old listing that both measures permit is no conflict."""
    old = case(black(determined_on=date(2025, 1, 1), published_from=date(2025, 1, 2)))
    answer = repair_answer(old, regime=Regime.HUAIAN2018, today=TODAY)
    assert [m.eligible for m in answer.measures] == [YES, YES]
    assert answer.codes == ()


@pytest.mark.parametrize(
    ("first", "today", "holds"),
    [
        (None, date(2026, 11, 22), NO),  # too early for both periods
        (None, date(2026, 11, 23), UNKNOWN),  # six months have passed, twelve have not
        (None, date(2027, 5, 22), UNKNOWN),
        (None, date(2027, 5, 23), YES),  # enough for both
        (True, date(2026, 11, 23), YES),
        (False, date(2027, 5, 22), NO),
    ],
)
def test_unknown_first_listing_is_unknown(first: bool | None, today: date, holds: Assessment) -> None:
    """The result is unknown only where it depends on that fact, and there is no earliest day."""
    asked = case(black(first_listing=first))
    assert found(asked, "J18_QUIET", today).holds is holds
    if first is None:
        assert measure(asked, J18, today).earliest is None


@pytest.mark.parametrize("missing", ["fulfilled_on", "confirmed_on"])
def test_a_quiet_period_without_its_beginning(missing: str) -> None:
    """The known day bounds the period: not met before its end, unknown afterwards."""
    assert found(case(**{missing: None}), "J18_QUIET", date(2026, 11, 22)).holds is NO
    assert found(case(**{missing: None}), "J18_QUIET", date(2026, 11, 23)).holds is UNKNOWN
    assert found(case(fulfilled_on=None, confirmed_on=None), "J18_QUIET").holds is UNKNOWN


@pytest.mark.parametrize(
    ("happened", "holds"),
    [
        (other(date(2026, 5, 22)), YES),  # the day itself is not within the period
        (other(date(2026, 5, 23)), NO),
        (other(date(2026, 11, 22)), NO),
        (other(date(2026, 11, 23)), YES),  # after the six months
        (other(date(2026, 8, 1), severity=Severity.GENERAL), YES),
        (other(date(2026, 8, 1), severity=Severity.UNSPECIFIED), NO),  # a black list decision is severe
        (other(date(2026, 8, 1), severity=Severity.UNSPECIFIED, determination=PENALTY), UNKNOWN),
        (other(date(2026, 8, 1), state=State.ANNULLED), YES),
    ],
)
def test_events_that_break_the_quiet_period(happened: Discredit, holds: Assessment) -> None:
    """Severe discredit within the period fails the condition, and no later day meets it."""
    told = found(case(black(), happened), "J18_QUIET", date(2026, 11, 23))
    assert (told.holds, told.from_when) == (holds, None)


@pytest.mark.parametrize(
    ("category", "on", "holds"),
    [
        ("C07", date(2025, 3, 1), YES),
        ("C07", date(2025, 3, 2), NO),
        ("C07", date(2026, 3, 1), NO),
        ("C07", date(2026, 3, 2), YES),
        ("C02", date(2025, 6, 1), YES),
    ],
)
def test_the_same_kind_again(category: str, on: date, holds: Assessment) -> None:
    """Art. 31 requires a year after the correction without discredit of the same kind, of any severity."""
    again = other(on, category=category, severity=Severity.GENERAL)
    assert found(case(penalty(), again), "G31_A3").holds is holds


@pytest.mark.parametrize(
    ("others", "holds"),
    [
        (SERIOUS[:2], YES),
        (SERIOUS, NO),
        ([other(date(2025, 6, 1), severity=Severity.UNSPECIFIED, determination=PENALTY)], UNKNOWN),
        ([other(date(2025, 6, 1), severity=Severity.GENERAL)], YES),
    ],
)
def test_the_first_bar_counts(others: list[Discredit], holds: Assessment) -> None:
    """The bar is one severe or three serious records within a year; an unrated penalty is unknown."""
    assert found(case(penalty(), *others), "G31_B1", date(2025, 12, 31)).holds is holds


def test_the_first_bar_counts_this_record_among_the_serious() -> None:
    """Two other serious records and this one are three."""
    asked = case(penalty(determined_on=date(2025, 2, 1)), *SERIOUS[:2])
    assert found(asked, "G31_B1", date(2025, 12, 31)).holds is NO


def test_the_repair_bars_count_by_kind() -> None:
    """One repair of another kind within five years meets all three bars; a second of the same kind fails two."""
    asked = case(penalty(), repaired(date(2024, 1, 1)))
    assert [found(asked, code).holds for code in ("G31_B3", "G31_B4", "G31_B5")] == [YES, YES, YES]
    twice = case(penalty(), repaired(date(2024, 1, 1)), repaired(date(2023, 1, 1), "C07"))
    assert [found(twice, code).holds for code in ("G31_B3", "G31_B4", "G31_B5")] == [YES, NO, NO]


def test_a_wait_that_outlasts_the_record() -> None:
    """A general record lasts one year, and Art. 31 waits a year from its correction: it is never repaired."""
    asked = case(
        penalty(severity=Severity.GENERAL, determined_on=date(2026, 6, 1), last_day=date(2027, 6, 1)),
        corrected_on=date(2026, 6, 20),
    )
    told = measure(asked, G31)
    assert (told.eligible, told.earliest, told.too_late) == (NO, None, True)


def test_last_day_of_the_record_is_in_time() -> None:
    """A repair is possible if the earliest day is the record's last day, and not a day later."""
    asked = black(last_day=date(2026, 12, 23))
    told = measure(case(asked, **done(date(2026, 6, 22))), J18)
    assert (told.earliest, told.too_late) == (date(2026, 12, 23), False)
    told = measure(case(asked, **done(date(2026, 6, 23))), J18)
    assert (told.earliest, told.too_late) == (None, True)


@pytest.mark.parametrize(
    ("code", "asked"),
    [
        ("J18_QUIET", case(black(), other(date(2026, 8, 1), severity=Severity.UNSPECIFIED, determination=PENALTY))),
        ("G31_B1", case(black(), other(date(2026, 8, 1), severity=Severity.UNSPECIFIED, determination=PENALTY))),
    ],
)
def test_unrated_record_gives_no_earliest_day(code: str, asked: RepairCase) -> None:
    """A missing rating, besides the time, prevents an earliest day."""
    told = found(asked, code, date(2026, 11, 1))
    assert (told.holds, told.from_when) == (NO, None)


def test_a_fact_missing_beside_time_gives_no_earliest_day() -> None:
    """The earliest day is given only if time is the only unmet condition."""
    told = measure(case(commitment=None, **done(date(2026, 6, 22))), J18)
    assert (told.eligible, told.deciding, told.earliest) == (NO, ("J18_QUIET",), None)
    untold = measure(case(commitment=None), J18)
    assert (untold.eligible, untold.deciding) == (UNKNOWN, ("J18_COMMITMENT",))


def test_the_national_order_never_says_yes() -> None:
    """Its unknown conditions stay unknown; before it was in force the answer is no."""
    old = case(black(determined_on=date(2025, 1, 1)))
    told = measure(old, NDRC36)
    assert (told.eligible, told.deciding) == (UNKNOWN, ("N36_REST",))
    assert measure(old, NDRC36, date(2026, 3, 31)).eligible is NO
    for severity in (Severity.SERIOUS, Severity.UNSPECIFIED):
        assert found(case(black(severity=severity)), "N36_SHORTEST").holds is UNKNOWN


def test_the_answer_as_json() -> None:
    """RFC 3339 dates, enumerated codes, both languages, and every condition of the law once."""
    answer = repair_answer(case(), regime=Regime.NDRC36, today=TODAY).as_dict()
    assert json.loads(json.dumps(answer, ensure_ascii=False)) == answer
    assert (answer["regime"], answer["asked_on"], answer["governing"]) == ("ndrc36", "2026-11-23", "NDRC36")
    told = [c for m in answer["measures"] for c in m["conditions"]]
    assert [c["code"] for c in told if c["code"].startswith("G31_B")] == [f"G31_B{n}" for n in range(1, 8)]
    assert sorted(c["code"] for c in told) == sorted(REQUIREMENTS)
    assert all(c[key] for c in told for key in ("article", "text_en", "text_zh", "because_en", "because_zh"))
    assert {c["from_when"] for c in told if c["code"] == "G31_B1"} == {"2027-01-11"}
    assert "grants no repair" in answer["note_en"]


# Properties -------------------------------------------------------------------------------------------------

PAST = st.dates(date(2019, 1, 1), TODAY)
THREE = st.sampled_from([True, False, None])
OTHERS = st.builds(
    Discredit,
    category=st.sampled_from(["C02", "C07"]),
    determined_on=PAST,
    severity=st.sampled_from(Severity),
    determination=st.sampled_from(Determination),
    state=st.sampled_from(State),
    ended_on=st.none() | PAST,
)
CASES = st.builds(
    RepairCase,
    listing=st.builds(
        ListingToRepair,
        category=st.just("C07"),
        determined_on=PAST,
        severity=st.sampled_from(Severity),
        determination=st.sampled_from(Determination),
        organisation=st.booleans(),
        last_day=st.just(date(2032, 1, 1)) | st.dates(date(2019, 1, 1)),
        published_from=st.none() | st.dates(date(2019, 1, 1)),
        first_listing=THREE,
        list=st.just(ListColour.BLACK),
    ),
    others=st.lists(OTHERS, max_size=3).map(tuple),
    facts=st.builds(
        StatedFacts,
        **{name: st.just(getattr(GOOD, name)) | THREE for name in FACTS if name != "corrected"},
        **{name: PAST | st.none() | st.dates() for name in ("fulfilled_on", "confirmed_on", "corrected_on")},
    ),
)


@given(CASES)
def test_the_answer_follows_from_its_conditions(asked: RepairCase) -> None:
    """Any no gives no, else any unknown gives unknown; exactly those conditions decide."""
    for told in repair_answer(asked, regime=Regime.NDRC36, today=TODAY).measures:
        holds = [c.holds for c in told.conditions]
        assert told.eligible is (NO if NO in holds else UNKNOWN if UNKNOWN in holds else YES)
        assert set(told.deciding) == {c.code for c in told.conditions if c.holds is told.eligible}
        assert all(c.from_when is None or (c.holds is NO and c.from_when > TODAY) for c in told.conditions)


@given(CASES, st.booleans())
def test_the_earliest_day_is_the_earliest(asked: RepairCase, kind: bool) -> None:
    """On the earliest day the answer is yes; the day before it is no."""
    good = msgspec.structs.replace(
        GOOD, fulfilled_on=asked.facts.fulfilled_on or TODAY, confirmed_on=TODAY, corrected_on=asked.facts.corrected_on
    )
    asked = msgspec.structs.replace(asked, facts=good) if kind else asked
    event(f"a day is told: {any(measure(asked, code).earliest for code in (J18, G31))}")
    for code in (J18, G31):
        earliest = measure(asked, code).earliest
        if earliest is not None:
            assert measure(asked, code, earliest).eligible is YES
            assert measure(asked, code, earliest - timedelta(days=1)).eligible is NO


@given(st.dates(), st.integers(0, 120))
def test_months_are_calendar_months(day: date, months: int) -> None:
    """The same day of the target month or its last day; the result stays within the calendar."""
    end = months_after(day, months)
    if end != date.max:
        assert (end.year * 12 + end.month) - (day.year * 12 + day.month) == months
        assert end.day == day.day or (end.day < day.day and (end + timedelta(days=1)).day == 1)
    assert first_day_after(day, months) >= end


@given(st.dates(date(1900, 1, 1), date(2100, 1, 1)), st.dates(date(1900, 1, 1), date(2100, 1, 1)), st.integers(0, 60))
def test_a_later_event_never_passes_earlier(one: date, two: date, months: int) -> None:
    """Adding months keeps the order of days."""
    earlier, later = sorted((one, two))
    assert months_after(earlier, months) <= months_after(later, months)
