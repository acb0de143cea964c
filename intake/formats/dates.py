"""The ways in which departments write a day, and the two ways in which they write none."""

import re
import unicodedata
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Any

from rules.calendar import civil_day
from rules.faults import CreditGateError


class DateForm(StrEnum):
    """How a column writes its days.

    ``text`` covers what can be told from the cell itself. The others are bare numbers, and must be declared.
    """

    TEXT = "text"
    EXCEL_SERIAL = "excel_serial"
    INSTANT_MS = "instant_ms"
    EPOCH_DAYS = "epoch_days"
    EPOCH_MS = "epoch_ms"
    EPOCH_US = "epoch_us"


FOR_EVER = "for_ever"
"""Says that an end was written as never."""

_FOR_EVER_YEAR = 2099
_FOR_EVER_WORDS = frozenset({"长期", "长期有效", "永久", "永久有效", "无期限", "无固定期限"})
_NO_DAY = frozenset({date(1899, 12, 30), date(1899, 12, 31), date(1900, 1, 1)})
_NO_DAY_TEXT = re.compile(r"(?:0000([-/.]?)00\1\d{2}|1900([-/.]?)01(?:\2)00)(?: .*)?")
_CLOCK = r"[T\s]\s*\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?"
_TEXT = re.compile(
    rf"(?P<year>\d{{4}})(?:(?P<sep>[-/.])(?P<month>\d{{1,2}})(?P=sep)(?P<day>\d{{1,2}})"
    rf"|\s*年\s*(?P<m>\d{{1,2}})\s*月\s*(?P<d>\d{{1,2}})\s*日"
    rf"|(?P<mm>\d{{2}})(?P<dd>\d{{2}}))(?:{_CLOCK}|(?<=\d{{8}})\d{{6}})?",
)
_ZONED = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})")
_SERIALS = 2_958_466  # of the day after 9999-12-31, in a workbook that counts from 1900
_NO_SUCH_SERIAL = 60
_BEFORE_1900, _FIRST_1904 = date(1899, 12, 31), date(1904, 1, 1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class DateUnreadableError(CreditGateError, ValueError):
    """A cell that gives no day that could be told."""


def read_day(cell: Any, form: DateForm = DateForm.TEXT, *, date_1904: bool | None = None) -> date | None:  # noqa: ANN401
    """The day that a cell gives; None when it is empty or holds a mark for no day. Raises ``DateUnreadableError``.

    ``date_1904`` says which day a workbook counts from; it is None where the cell is not of a workbook.
    """
    try:
        day = _day(cell, form, date_1904)
    except (ValueError, OverflowError):
        raise DateUnreadableError from None
    return None if day in _NO_DAY else day


def read_end(cell: Any, form: DateForm = DateForm.TEXT, *, date_1904: bool | None = None) -> date | str | None:  # noqa: ANN401
    """As ``read_day``; ``FOR_EVER`` for 长期, 2099-12-31, 9999-12-31 and the like."""
    if isinstance(cell, str) and cell.strip() in _FOR_EVER_WORDS:
        return FOR_EVER
    day = read_day(cell, form, date_1904=date_1904)
    return FOR_EVER if day is not None and day.year >= _FOR_EVER_YEAR else day


def _day(cell: Any, form: DateForm, date_1904: bool | None) -> date | None:  # noqa: ANN401
    match cell:
        case None | "":
            return None
        case datetime():
            return cell.date()
        case date():
            return cell
        case time() if cell == time():  # what a workbook makes of the serial 0
            return None
        case bool() | time():
            raise ValueError
        case int() | float():
            return _of_number(cell, form, date_1904)
        case str() if form is not DateForm.TEXT and re.fullmatch(r"-?\d+", cell.strip()):
            return _of_number(int(cell), form, bool(date_1904))
        case str():
            return _of_text(unicodedata.normalize("NFKC", cell).strip())
    raise ValueError


def _of_text(text: str) -> date | None:
    if not text or _NO_DAY_TEXT.fullmatch(text):
        return None
    if _ZONED.fullmatch(text):
        return civil_day(datetime.fromisoformat(text))
    found = _TEXT.fullmatch(text)
    if found is None:
        raise ValueError
    month = found["month"] or found["m"] or found["mm"]
    return date(int(found["year"]), int(month), int(found["day"] or found["d"] or found["dd"]))


def _of_number(number: float, form: DateForm, date_1904: bool | None) -> date | None:
    """A number as the declared form says; as 20181030 or, in a workbook, as a serial where none is declared."""
    match form:
        # Debezium writes days and times that have no zone as if they were UTC: read in UTC they give back
        # the day that stands in the table, while Shanghai would move every evening to the next day.
        case DateForm.EPOCH_DAYS:
            return (_EPOCH + timedelta(days=number)).date()
        case DateForm.EPOCH_MS:
            return (_EPOCH + timedelta(milliseconds=number)).date()
        case DateForm.EPOCH_US:
            return (_EPOCH + timedelta(microseconds=number)).date()
        case DateForm.INSTANT_MS:
            return civil_day(_EPOCH + timedelta(milliseconds=number))
        case DateForm.EXCEL_SERIAL:
            return _of_serial(number, bool(date_1904))
    if number == int(number) and len(str(int(number))) == 8:
        return _of_text(str(int(number)))
    if date_1904 is None:
        raise ValueError
    return _of_serial(number, date_1904)


def _of_serial(number: float, date_1904: bool) -> date | None:
    """A workbook's serial. Those that count from 1900 have a 29 February 1900 (60), which never was."""
    days = int(number)
    if not 0 <= number < _SERIALS or (days == _NO_SUCH_SERIAL and not date_1904):
        raise ValueError
    if date_1904:
        return _FIRST_1904 + timedelta(days=days)
    return (_BEFORE_1900 if days < _NO_SUCH_SERIAL else _BEFORE_1900 - timedelta(days=1)) + timedelta(days=days)
