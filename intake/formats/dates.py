"""How departments write days, placeholders for "no day", and ends that mean "never"."""

import re
import unicodedata
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum

from intake.files.cells import Cell, JsonValue
from rules.calendar import civil_day
from rules.faults import CreditGateError
from rules.listings.validity import NO_END_YEAR


class DateForm(StrEnum):
    """How a column writes its days.

    ``text`` is for days that the cell itself identifies. The others are bare numbers, whose meaning must be declared.
    """

    TEXT = "text"
    EXCEL_SERIAL = "excel_serial"
    INSTANT_MS = "instant_ms"
    EPOCH_DAYS = "epoch_days"
    EPOCH_MS = "epoch_ms"
    EPOCH_US = "epoch_us"


class OpenEnd(StrEnum):
    """An end that was written as never."""

    FOR_EVER = "for_ever"


FOR_EVER = OpenEnd.FOR_EVER

_FOR_EVER_WORDS = frozenset({"长期", "长期有效", "永久", "永久有效", "无期限", "无固定期限"})
_PLACEHOLDER_DAYS = frozenset({date(1899, 12, 30), date(1899, 12, 31), date(1900, 1, 1)})
_PLACEHOLDER_TEXT = re.compile(r"(?:0000([-/.]?)00\1\d{2}|1900([-/.]?)01(?:\2)00)(?: .*)?")
_TIME_OF_DAY = r"[T\s]\s*\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?"
_WRITTEN_DAY = re.compile(
    rf"(?P<year>\d{{4}})(?:(?P<sep>[-/.])(?P<month>\d{{1,2}})(?P=sep)(?P<day>\d{{1,2}})"
    rf"|\s*年\s*(?P<m>\d{{1,2}})\s*月\s*(?P<d>\d{{1,2}})\s*日"
    rf"|(?P<mm>\d{{2}})(?P<dd>\d{{2}}))(?:{_TIME_OF_DAY}|(?<=\d{{8}})\d{{6}})?",
)
_INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})")
_SERIAL_LIMIT = 2_958_466
"""Serial of the day after 9999-12-31, in a workbook that counts from 1900."""
_PHANTOM_LEAP_DAY = 60
"""Serial of 29 February 1900, which did not exist; workbooks that count from 1900 have it all the same."""
_DAY_0_OF_1900, _DAY_0_OF_1904 = date(1899, 12, 31), date(1904, 1, 1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class DateUnreadableError(CreditGateError, ValueError):
    """The cell holds no day that can be read with certainty."""


def read_day(cell: Cell | JsonValue, form: DateForm = DateForm.TEXT, *, date_1904: bool | None = None) -> date | None:
    """The day in a cell; None when it is empty or holds a placeholder. Raises ``DateUnreadableError``.

    ``date_1904`` says from which calendar a workbook counts; it is None where there is no workbook.
    """
    try:
        day = _parse(cell, form, date_1904)
    except (ValueError, OverflowError):
        raise DateUnreadableError from None
    return None if day in _PLACEHOLDER_DAYS else day


def read_end(
    cell: Cell | JsonValue, form: DateForm = DateForm.TEXT, *, date_1904: bool | None = None
) -> date | OpenEnd | None:
    """As ``read_day``, but ``FOR_EVER`` for 长期, 2099-12-31, 9999-12-31 and the like."""
    if isinstance(cell, str) and cell.strip() in _FOR_EVER_WORDS:
        return FOR_EVER
    day = read_day(cell, form, date_1904=date_1904)
    return FOR_EVER if day is not None and day.year >= NO_END_YEAR else day


def _parse(cell: Cell | JsonValue, form: DateForm, date_1904: bool | None) -> date | None:
    match cell:
        case None | "":
            return None
        case datetime():
            return cell.date()
        case date():
            return cell
        case time() if cell == time():  # how a workbook reads the serial 0
            return None
        case bool() | time():
            raise ValueError
        case int() | float():
            return _from_number(cell, form, date_1904)
        case str() if form is not DateForm.TEXT and re.fullmatch(r"-?\d+", cell.strip()):
            return _from_number(int(cell), form, bool(date_1904))
        case str():
            return _from_text(unicodedata.normalize("NFKC", cell).strip())
    raise ValueError


def _from_text(text: str) -> date | None:
    if not text or _PLACEHOLDER_TEXT.fullmatch(text):
        return None
    if _INSTANT.fullmatch(text):
        return civil_day(datetime.fromisoformat(text))
    found = _WRITTEN_DAY.fullmatch(text)
    if found is None:
        raise ValueError
    month = found["month"] or found["m"] or found["mm"]
    return date(int(found["year"]), int(month), int(found["day"] or found["d"] or found["dd"]))


def _from_number(number: float, form: DateForm, date_1904: bool | None) -> date | None:
    """A number in its declared form; without one as 20181030 or, in a workbook, as a serial."""
    match form:
        # Debezium encodes days and times without a zone as if they were UTC. Read in UTC they are the day in the
        # table; in Shanghai's time every evening would become the next day.
        case DateForm.EPOCH_DAYS:
            return (_EPOCH + timedelta(days=number)).date()
        case DateForm.EPOCH_MS:
            return (_EPOCH + timedelta(milliseconds=number)).date()
        case DateForm.EPOCH_US:
            return (_EPOCH + timedelta(microseconds=number)).date()
        case DateForm.INSTANT_MS:
            return civil_day(_EPOCH + timedelta(milliseconds=number))
        case DateForm.EXCEL_SERIAL:
            return _from_serial(number, bool(date_1904))
    if number == int(number) and len(str(int(number))) == 8:
        return _from_text(str(int(number)))
    if date_1904 is None:
        raise ValueError
    return _from_serial(number, date_1904)


def _from_serial(number: float, date_1904: bool) -> date | None:
    """The day of a workbook's serial number."""
    days = int(number)
    if not 0 <= number < _SERIAL_LIMIT or (days == _PHANTOM_LEAP_DAY and not date_1904):
        raise ValueError
    if date_1904:
        return _DAY_0_OF_1904 + timedelta(days=days)
    return (_DAY_0_OF_1900 if days < _PHANTOM_LEAP_DAY else _DAY_0_OF_1900 - timedelta(days=1)) + timedelta(days=days)
