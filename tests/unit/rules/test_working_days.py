"""Working days and the deadlines counted in them, compared with the shipped tables."""

from datetime import date, timedelta
from pathlib import Path

import chinese_calendar
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from config.files import ConfigError, load_working_days
from rules.working_days import (
    HolidayYear,
    WorkingDays,
    correction_deadline,
    objection_deadlines,
    publicity_end,
    push_deadline,
)
from scripts.make_holidays import NOTICES, main

HOLIDAYS = Path(__file__).parents[3] / "config" / "holidays"
SHIPPED = load_working_days(HOLIDAYS)
FIRST, LAST = date(2018, 1, 1), date(2026, 12, 31)
KNOWN = st.dates(FIRST, date(2026, 10, 31))


def test_every_day_agrees_with_the_library() -> None:
    """The tables are right for all 3287 days of 2018 to 2026, and none of them is provisional."""
    days = [FIRST + timedelta(n) for n in range((LAST - FIRST).days + 1)]
    assert len(days) == 3287
    wrong = [
        d for d in days if SHIPPED.is_working_day(d) != chinese_calendar.is_workday(d) or SHIPPED.is_provisional(d)
    ]
    assert wrong == []


def test_the_tables_are_those_that_the_script_writes(tmp_path: Path) -> None:
    """The tables equal the script's output, so none was edited by hand; each names its notice."""
    main(tmp_path)
    written = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert written == {path.name: path.read_text() for path in HOLIDAYS.iterdir()}
    for year, numbers in NOTICES.items():
        assert all(number in yaml.safe_load(written[f"{year}.yaml"])["source"] for number in numbers)


@pytest.mark.parametrize(
    ("received", "corrected", "verified", "pushed", "reviewed"),
    [
        # over 调休 in September and the seven days of October
        (date(2026, 9, 18), date(2026, 9, 22), date(2026, 9, 24), date(2026, 9, 29), date(2026, 10, 9)),
        # over the Spring Festival: Saturday the 14th and 28th are worked
        (date(2026, 2, 13), date(2026, 2, 25), date(2026, 2, 27), date(2026, 3, 2), date(2026, 3, 5)),
        # over Labour Day: Saturday 9 May is worked
        (date(2026, 4, 30), date(2026, 5, 8), date(2026, 5, 11), date(2026, 5, 13), date(2026, 5, 18)),
    ],
)
def test_golden_clocks(received: date, corrected: date, verified: date, pushed: date, reviewed: date) -> None:
    """3, 5, 7 and 10 working days, without the day of receipt."""
    clock = objection_deadlines(received, SHIPPED)
    assert correction_deadline(received, SHIPPED) == (corrected, False)
    assert clock.verify_by == (verified, False)
    assert push_deadline(received, SHIPPED) == (pushed, False)
    assert clock.review_by == (reviewed, False)


@pytest.mark.parametrize(
    ("sent", "verify_by"),
    [
        (date(2026, 9, 18), date(2026, 9, 24)),
        (date(2026, 9, 21), date(2026, 9, 29)),
        (date(2026, 9, 29), date(2026, 10, 9)),  # five days would end on 10-12; the deadline of the review comes first
    ],
)
def test_verification_lies_inside_the_review(sent: date, verify_by: date) -> None:
    """It starts when the objection is forwarded, and ends no later than the review of the objection."""
    assert objection_deadlines(date(2026, 9, 18), SHIPPED, sent).verify_by.day == verify_by


@pytest.mark.parametrize(
    ("published", "last"),
    [
        (date(2026, 11, 23), date(2026, 11, 30)),  # a Monday: to the Monday after
        (date(2026, 11, 21), date(2026, 11, 27)),  # a Saturday: Monday is the first day
        (date(2026, 9, 19), date(2026, 9, 24)),  # Sunday the 20th is worked, and is the first day
        (date(2026, 9, 30), date(2026, 10, 13)),  # seven days off, Saturday the 10th worked
    ],
)
def test_publicity_ends(published: date, last: date) -> None:
    """The day of publication is not counted; the fifth working day after it is the last."""
    assert publicity_end(published, SHIPPED) == (last, False)


@pytest.mark.parametrize(
    ("day", "n", "expected"),
    [
        (date(2026, 12, 18), 9, (date(2026, 12, 31), False)),
        (date(2026, 12, 18), 10, (date(2027, 1, 1), True)),  # the notice will give this day off
        (date(2026, 12, 31), 1, (date(2027, 1, 1), True)),
        (date(2026, 12, 30), 1, (date(2026, 12, 31), False)),
        (date(2017, 12, 31), 1, (date(2018, 1, 2), False)),  # the day itself is not counted, nor its year
        (date(9999, 12, 30), 5, (date(9999, 12, 31), True)),  # the result stays within the calendar
    ],
)
def test_a_year_without_a_table_is_provisional(day: date, n: int, expected: tuple[date, bool]) -> None:
    """Without a table only weekends are known, and the result is marked provisional."""
    assert SHIPPED.after(day, n) == expected


def test_between_over_the_edge_of_the_tables() -> None:
    """The count is provisional too if it includes a year without a table."""
    assert SHIPPED.between(date(2026, 12, 30), date(2026, 12, 31)) == (1, False)
    assert SHIPPED.between(date(2026, 12, 31), date(2027, 1, 1)) == (1, True)
    assert SHIPPED.between(date(2026, 10, 7), date(2026, 10, 7)) == (0, False)
    assert SHIPPED.between(date(2026, 10, 8), date(2026, 10, 7)) == (0, False)


def test_a_missing_year_between_known_ones_shows() -> None:
    """One counted day without a table makes the result provisional, whatever year it ends in."""
    gap = WorkingDays([HolidayYear(2025, "x", (), ()), HolidayYear(2027, "x", (), ())])
    assert gap.after(date(2026, 12, 30), 2) == (date(2027, 1, 1), True)
    assert gap.between(date(2026, 12, 30), date(2027, 1, 4)) == (3, True)
    assert gap.after(date(2026, 12, 31), 1) == (date(2027, 1, 1), False)


def test_no_period_is_empty() -> None:
    """A period of zero working days is refused."""
    with pytest.raises(ValueError, match="at least one"):
        SHIPPED.after(date(2026, 10, 1), 0)


@given(KNOWN, st.integers(1, 30))
def test_after_and_between_are_inverse(day: date, n: int) -> None:
    """The deadline is a working day, and exactly ``n`` working days lead up to it."""
    deadline = SHIPPED.after(day, n)
    assert SHIPPED.is_working_day(deadline.day)
    assert SHIPPED.between(day, deadline.day) == (n, False)


@given(KNOWN, KNOWN, st.integers(1, 30))
def test_a_later_start_never_ends_earlier(one: date, other: date, n: int) -> None:
    """A later start does not give an earlier deadline."""
    earlier, later = sorted((one, other))
    assert SHIPPED.after(earlier, n).day <= SHIPPED.after(later, n).day


def test_the_version_is_that_of_the_days() -> None:
    """The same tables in any order have one version; an additional day changes it."""
    year, next_year = (HolidayYear(y, "x", (), ()) for y in (2026, 2027))
    longer = HolidayYear(2027, "x", (date(2027, 1, 1),), ())
    assert WorkingDays([year, next_year]).version == WorkingDays([next_year, year]).version
    assert WorkingDays([year, next_year]).version != WorkingDays([year, longer]).version
    assert load_working_days(HOLIDAYS).version == SHIPPED.version


def test_a_year_twice_is_refused() -> None:
    """Two tables for one year are refused and not merged."""
    with pytest.raises(ValueError, match="two tables"):
        WorkingDays([HolidayYear(2026, "x", (), ()), HolidayYear(2026, "y", (), ())])


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("2027.yaml", "year: 2027\nsource: x\nholidays: [2026-01-01]\nmake_up_days: []", "not in 2027"),
        ("2027.yaml", "year: 2027\nsource: x\nholidays: [2027-01-02]\nmake_up_days: []", "off already"),
        ("2027.yaml", "year: 2027\nsource: x\nholidays: []\nmake_up_days: [2027-01-01]", "worked already"),
        ("2027.yaml", "year: 2027\nsource: x\nholidays: [soon]\nmake_up_days: []", "$.holidays[0]"),
        ("2027.yaml", "year: 2027\nsource: x\nholidays: []", "make_up_days"),
        ("2027.yaml", "year: 2027\nsource: x\nholidays: []\nmake_up_days: []\nworked: []", "worked"),
        ("2027.yaml", "year: 2026\nsource: x\nholidays: []\nmake_up_days: []", "$.year"),
        ("2027.yaml", "- 2027", "mapping"),
        ("2027.yaml", ":\n -", "2027.yaml"),
        ("README", "", "holds no <year>.yaml"),
    ],
)
def test_a_broken_table_is_refused_with_its_place(tmp_path: Path, name: str, text: str, told: str) -> None:
    """An invalid table stops the start; the message has the file and the place."""
    (tmp_path / name).write_text(text)
    with pytest.raises(ConfigError) as refused:
        load_working_days(tmp_path)
    assert told in str(refused.value)
    assert str(tmp_path) in str(refused.value)
