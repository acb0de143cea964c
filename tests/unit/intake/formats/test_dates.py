"""Dates in the forms that departments write, and the values that mean "no date"."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intake.formats.dates import FOR_EVER, DateForm, DateUnreadableError, read_day, read_end

DAY = date(2018, 10, 30)


@pytest.mark.parametrize(
    "written",
    [
        "2018-10-30",
        "2018/10/30",
        "2018.10.30",
        "20181030",
        "2018年10月30日",
        " 2018 年 10 月 30 日 ",
        "2018-10-30 00:00:00",
        "2018/10/30 9:05",
        "2018-10-30T23:59:59.999",
        "20181030235959",
        "２０１８－１０－３０",
        "2018-10-30T12:00:00+08:00",
        "2018-10-29T16:00:00Z",  # midnight in Beijing
        datetime(2018, 10, 30, 23, 59),  # noqa: DTZ001 - as a workbook gives it
        DAY,
        20181030,
        20181030.0,
    ],
)
def test_the_day_is_read(written: Any) -> None:  # noqa: ANN401
    """Every form gives the same day."""
    assert read_day(written) == DAY


def test_months_and_days_of_one_figure() -> None:
    """2019.7.3 is 3 July, in each of the separated forms."""
    assert {read_day(text) for text in ("2019.7.3", "2019-7-3", "2019/7/3", "2019年7月3日")} == {date(2019, 7, 3)}


@pytest.mark.parametrize(
    "written",
    [
        "2018-13-01",
        "2018-02-29",
        "2018-10/30",  # two separators
        "18-10-30",
        "30/10/2018",
        "2018年10月",
        "201810",
        "2018103",
        "约2018-10-30",
        "2018-10-30 起",
        "43403",  # a serial is read only in a workbook or where declared
        43403,
        1540857600000,  # the same for a time in ms
        True,
        time(9, 30),
        [2018, 10, 30],
    ],
)
def test_what_is_no_day_is_refused(written: Any) -> None:  # noqa: ANN401
    """An ambiguous date is refused and never guessed."""
    with pytest.raises(DateUnreadableError):
        read_day(written)


@pytest.mark.parametrize(
    "written",
    [None, "", "  ", "0000-00-00", "0000-00-00 00:00:00", "1900-01-00", "1900-01-01", "1900/1/1", "1899-12-31", time()],
)
def test_marks_for_no_day(written: Any) -> None:  # noqa: ANN401
    """Databases and spreadsheets write these values for an empty date."""
    assert read_day(written) is None
    assert read_end(written) is None


@pytest.mark.parametrize("written", ["长期", "永久有效", "2099-12-31", "2099/12/31", "9999-12-31", "99991231"])
def test_an_end_that_is_never(written: str) -> None:
    """An end in 2099 or later means 长期 (no end)."""
    assert read_end(written) == FOR_EVER


@pytest.mark.parametrize(
    ("cell", "date_1904", "day"),
    [
        (43403, False, DAY),
        (43403.75, False, DAY),
        (41941, True, DAY),
        (0, False, None),
        (0, True, date(1904, 1, 1)),
        (61, False, date(1900, 3, 1)),  # after 29 February 1900, which did not exist
        (20181030, False, DAY),  # a date typed as a number: no serial has eight digits
    ],
)
def test_serials_of_workbooks(cell: float, date_1904: bool, day: date | None) -> None:
    """A number in a workbook counts days from 1900 or 1904, as the workbook states."""
    assert read_day(cell, date_1904=date_1904) == day


@pytest.mark.parametrize(
    ("form", "cell", "day"),
    [
        (DateForm.EXCEL_SERIAL, "43403", DAY),
        (DateForm.EPOCH_DAYS, 17834, DAY),
        (DateForm.EPOCH_DAYS, "17834", DAY),
        (DateForm.EPOCH_DAYS, -1, date(1969, 12, 31)),
        # 23:30 on the 30th, stored without a zone: Debezium writes it as if it were UTC.
        (DateForm.EPOCH_MS, 1540942200000, DAY),
        (DateForm.EPOCH_US, 1540942200000000, DAY),
        # 16:00 UTC on the 29th is the 30th in Beijing; an instant has the civil day of Beijing.
        (DateForm.INSTANT_MS, 1540828800000, DAY),
        (DateForm.INSTANT_MS, 1540828799999, date(2018, 10, 29)),
        (DateForm.EPOCH_DAYS, -25567, None),  # 1900-01-01
    ],
)
def test_declared_numbers(form: DateForm, cell: Any, day: date | None) -> None:  # noqa: ANN401
    """A bare number is read in the form that the format declares."""
    assert read_day(cell, form) == day


@pytest.mark.parametrize("form", list(DateForm))
@given(number=st.integers() | st.floats(allow_nan=False, allow_infinity=False))
def test_arbitrary_numbers_raise_no_other_error(form: DateForm, number: float) -> None:
    """Any number gives a day, no day or ``DateUnreadableError``; no other exception is raised."""
    try:
        read_end(number, form, date_1904=False)
    except DateUnreadableError:
        return


@given(st.dates(min_value=date(1901, 1, 1), max_value=date(2098, 12, 31)))
def test_every_form_says_the_same(day: date) -> None:
    """A day written in each of the forms is read back."""
    written = [
        day.isoformat(),
        f"{day:%Y/%m/%d}",
        f"{day.year}.{day.month}.{day.day}",
        f"{day:%Y%m%d}",
        f"{day.year}年{day.month}月{day.day}日",
        f"{day} 00:00:00",
    ]
    assert {read_end(text) for text in written} == {day}
    since = day - date(1970, 1, 1)
    assert read_end(since.days, DateForm.EPOCH_DAYS) == day
    late = datetime(day.year, day.month, day.day, 23, 59, tzinfo=UTC)
    assert read_end(int(late.timestamp() * 1000), DateForm.EPOCH_MS) == day
    assert read_end((day - date(1899, 12, 30)) // timedelta(days=1), date_1904=False) == day


@given(st.text(max_size=30))
def test_arbitrary_text_raises_no_other_error(text: str) -> None:
    """Any text gives a day, no day, no end or ``DateUnreadableError``; no other exception is raised."""
    try:
        read_end(text)
    except DateUnreadableError:
        return
