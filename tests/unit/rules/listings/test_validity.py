"""How long a listing is in force (办法二 Art. 27), at the edges."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.calendar import SHANGHAI, civil_day, years_after
from rules.faults import InvalidRecordError
from rules.listings.validity import Validity, in_force, validity_of
from rules.records.feed_record import ListRecord, feed_record_from
from tests.unit.records import record


def validity(**changes: Any) -> Validity:  # noqa: ANN401
    made = feed_record_from(record(**changes))
    assert isinstance(made, ListRecord)
    return validity_of(made)


LAW = {"kind": "law", "text": "《企业信息公示暂行条例》"}


@pytest.mark.parametrize(
    ("changes", "last_day", "flags"),
    [
        ({"severity": "general", "determined_on": "2025-11-23"}, "2026-11-23", ["end_by_law"]),  # 一般失信为1年
        ({"severity": "severe", "determined_on": "2023-11-23"}, "2026-11-23", ["end_by_law"]),  # 严重失信3年
        ({"severity": "unspecified", "determined_on": "2023-11-23"}, "2026-11-23", ["end_by_law"]),  # 未明确等级3年
        # 29 February falls back to the last day of the month (民法典 202); on a leap year the day is there
        ({"severity": "severe", "determined_on": "2024-02-29"}, "2027-02-28", ["end_by_law"]),
        ({"severity": "general", "determined_on": "2024-02-29"}, "2025-02-28", ["end_by_law"]),
        ({"severity": "severe", "determined_on": "2021-02-28"}, "2024-02-28", ["end_by_law"]),
        ({"determined_on": "2025-01-01", "valid_until": "2025-06-30"}, "2025-06-30", []),  # stated and shorter
        ({"determined_on": "2025-01-01", "removed_on": "2025-07-01"}, "2025-06-30", []),  # 移出日期: out on that day
        ({"determined_on": "2025-01-01", "valid_until": "2025-12-31", "removed_on": "2026-01-01"}, "2025-12-31", []),
        (
            {"determined_on": "2025-01-01", "valid_until": "2025-12-31", "removed_on": "2025-12-31"},
            "2025-12-30",  # they differ: the earlier one, in the subject's favour
            ["end_stated_twice"],
        ),
        (
            {"severity": "general", "determined_on": "2025-01-01", "valid_until": "2027-01-01"},
            "2026-01-01",
            ["end_capped"],
        ),
        (
            {"determined_on": "2025-01-01", "valid_until": "2099-12-31"},
            "2028-01-01",
            ["end_not_for_ever", "end_by_law"],
        ),
        ({"determined_on": "2025-01-01", "valid_until": "2030-01-01", "validity_basis": LAW}, "2030-01-01", []),
        (
            {"determined_on": "2025-01-01", "valid_until": "2030-01-01"}
            | {"validity_basis": {"kind": "normative_document", "text": "某规范性文件"}},
            "2028-01-01",  # 办法一 Art. 12 would accept it, 办法二 Art. 27 does not
            ["end_capped"],
        ),
        (
            {"determined_on": "2025-01-01", "valid_until": "2099-12-31", "validity_basis": LAW},
            "2028-01-01",  # no law makes it permanent
            ["end_not_for_ever", "end_by_law"],
        ),
        ({"severity": "serious", "determined_on": "2025-01-01", "valid_until": "2026-06-30"}, "2026-06-30", []),
    ],
)
def test_last_day(changes: dict[str, Any], last_day: str, flags: list[str]) -> None:
    """The period starts with the determination; a stated end shortens it, and lengthens it only by law."""
    found = validity(**changes)
    assert (found.last_day, list(found.flags), found.held) == (date.fromisoformat(last_day), flags, False)


def test_red_without_an_end_has_none() -> None:
    """Art. 27 limits black listings, not red ones."""
    red = {"list": "red", "category": "R04", "determined_on": "2020-01-01"}
    assert validity(**red).last_day is None
    assert validity(**red, valid_until="2099-12-31").last_day is None


def test_serious_listing_without_end_is_quarantined() -> None:
    """The law sets no period for 较重: the listing is held and does not apply."""
    found = validity(severity="serious")
    assert found.held
    assert found.last_day is None


@pytest.mark.parametrize("end", [{"valid_until": "2024-12-31"}, {"removed_on": "2025-01-01"}])
def test_nothing_ends_before_it_began(end: dict[str, str]) -> None:
    """A listing must be in force for at least one day."""
    with pytest.raises(InvalidRecordError) as refused:
        validity(determined_on="2025-01-01", **end)
    assert refused.value.code == "validity_reversed"


@pytest.mark.parametrize(
    ("moment", "counts"),
    [
        (datetime(2026, 11, 23, 23, 59, 59, 999999, SHANGHAI), True),
        (datetime(2026, 11, 24, 0, 0, 0, 0, SHANGHAI), False),
        (datetime(2026, 11, 23, 15, 59, 59, tzinfo=UTC), True),  # the same time on a server in UTC
        (datetime(2026, 11, 23, 16, 0, 0, tzinfo=UTC), False),
    ],
)
def test_midnight_in_beijing(moment: datetime, *, counts: bool) -> None:
    """The last day is included, to midnight in Beijing and in no other time zone."""
    assert in_force(date(2026, 11, 23), civil_day(moment)) is counts


def test_a_moment_without_a_zone_is_refused() -> None:
    """With a naive time the end would depend on the server's time zone."""
    with pytest.raises(ValueError, match="zone"):
        civil_day(datetime(2026, 1, 1))  # noqa: DTZ001


@given(st.dates(date(1990, 1, 1), date(2090, 1, 1)), st.sampled_from([1, 3]))
def test_years_never_overshoot(day: date, years: int) -> None:
    """The corresponding day is in the right year and not after the same day of the month."""
    end = years_after(day, years)
    assert end.year == day.year + years
    assert end.month == day.month
    assert end.day <= day.day
