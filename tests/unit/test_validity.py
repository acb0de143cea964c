"""How long a listing counts (办法二 Art. 27), at the edges."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.calendar import SHANGHAI, civil_day, years_after
from rules.faults import InvalidRecord
from rules.validity import in_force, last_valid_day
from rules.vocabulary import ListColour, Severity

BLACK, RED = ListColour.BLACK, ListColour.RED


@pytest.mark.parametrize(
    ("severity", "determined", "stated", "expected"),
    [
        (Severity.GENERAL, date(2025, 11, 23), None, date(2026, 11, 23)),  # 一般失信为1年
        (Severity.SEVERE, date(2023, 11, 23), None, date(2026, 11, 23)),  # 严重失信3年
        (Severity.UNSPECIFIED, date(2023, 11, 23), None, date(2026, 11, 23)),  # 未明确等级3年
        (Severity.SEVERE, date(2024, 2, 29), None, date(2027, 2, 28)),  # no such day: the last of the month
        (Severity.SEVERE, date(2025, 1, 1), date(2025, 6, 30), date(2025, 6, 30)),  # stated and shorter
        (Severity.GENERAL, date(2025, 1, 1), date(2099, 12, 31), date(2026, 1, 1)),  # 长期 is not for ever
        (Severity.SERIOUS, date(2025, 1, 1), date(2026, 6, 30), date(2026, 6, 30)),  # 较重 with its day
    ],
)
def test_last_day(severity: Severity, determined: date, stated: date | None, expected: date) -> None:
    """The period runs from determination; a stated end may shorten it, never lengthen it."""
    assert last_valid_day(BLACK, severity, determined, stated) == expected


def test_red_without_an_end_has_none() -> None:
    """Art. 27 limits discredit, not honour."""
    assert last_valid_day(RED, Severity.UNSPECIFIED, date(2020, 1, 1), None) is None


@pytest.mark.parametrize(
    ("severity", "stated", "code"),
    [(Severity.SERIOUS, None, "validity_missing"), (Severity.SEVERE, date(2024, 12, 31), "validity_reversed")],
)
def test_refused(severity: Severity, stated: date | None, code: str) -> None:
    """The law gives 较重 no period, and nothing ends before it began."""
    with pytest.raises(InvalidRecord) as refused:
        last_valid_day(BLACK, severity, date(2025, 1, 1), stated)
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("moment", "counts"),
    [
        (datetime(2026, 11, 23, 23, 59, 59, 999999, SHANGHAI), True),
        (datetime(2026, 11, 24, 0, 0, 0, 0, SHANGHAI), False),
        (datetime(2026, 11, 23, 15, 59, 59, tzinfo=UTC), True),  # the same wall, seen from a server in UTC
        (datetime(2026, 11, 23, 16, 0, 0, tzinfo=UTC), False),
    ],
)
def test_midnight_in_beijing(moment: datetime, *, counts: bool) -> None:
    """The last day is included, to its last instant, in Beijing and nowhere else."""
    assert in_force(date(2026, 11, 23), civil_day(moment)) is counts


def test_a_moment_without_a_zone_is_refused() -> None:
    """A naive clock would move midnight with the server."""
    with pytest.raises(ValueError, match="zone"):
        civil_day(datetime(2026, 1, 1))  # noqa: DTZ001


@given(st.dates(date(1990, 1, 1), date(2090, 1, 1)), st.sampled_from([1, 3]))
def test_years_never_overshoot(day: date, years: int) -> None:
    """The corresponding day lies in the right year and never after the same day of the month."""
    end = years_after(day, years)
    assert end.year == day.year + years
    assert end.month == day.month
    assert end.day <= day.day
