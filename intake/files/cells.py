"""One cell: what it may hold, and the text that it stands for."""

import re
import unicodedata
from datetime import date, datetime, time
from functools import lru_cache

from intake.faults import row_fault

Cell = str | int | float | date | datetime | time | None
"""What a cell of a table may hold."""

JsonValue = str | int | float | bool | list["JsonValue"] | dict[str, "JsonValue"] | None
"""What a member of JSON may hold."""

_EXACT_DIGITS = 15
"""Digits of a number that a spreadsheet keeps exactly (IEEE 754 double)."""
_INVISIBLE = "\ufeff\u200b\u200c\u200d\u2060"
_TEXT_FORMULA = re.compile(r'="(.*)"', re.DOTALL)
_SCIENTIFIC = re.compile(r"\d(?:\.\d+)?[Ee]\+?\d{1,3}")
_SHEET_ERRORS = frozenset({"#DIV/0!", "#N/A", "#NAME?", "#NULL!", "#NUM!", "#REF!", "#VALUE!", "#GETTING_DATA"})


def fold(text: str) -> str:
    """The form in which names of columns and codes are compared: NFKC, stripped, case-folded."""
    return strip(unicodedata.normalize("NFKC", text)).casefold()


@lru_cache(maxsize=4096)
def fold_header(text: str) -> str:
    """As ``fold``, with a cache: for column names, which every row repeats; never for cells (personal data)."""
    return fold(text)


def strip(text: str) -> str:
    """The text without spaces and invisible characters around it."""
    text = text.strip()
    while text and (text[0] in _INVISIBLE or text[-1] in _INVISIBLE):
        text = text.strip(_INVISIBLE).strip()
    return text


def unwrap(text: str) -> str:
    """A cell of delimited text without the marks that keep a number as text in a spreadsheet: ``'…`` and ``="…"``."""
    text = strip(text)
    if text.startswith("'"):
        return strip(text[1:])
    if text.startswith("=") and (found := _TEXT_FORMULA.fullmatch(text)):
        return strip(found[1].replace('""', '"'))
    return text


def text_of(cell: Cell | JsonValue, column: str) -> str:
    """The cell as text, "" when it is empty. Raises ``InvalidRecordError`` for an error value, a list or an object."""
    match cell:
        case None:
            return ""
        case str():
            if cell in _SHEET_ERRORS:
                raise row_fault("cell_error", column)
            return strip(cell)
        case bool():
            return "true" if cell else "false"
        case int():
            return str(cell)
        case float():
            return str(int(cell)) if cell.is_integer() and abs(cell) < 10**_EXACT_DIGITS else repr(cell)
        case datetime():
            return cell.isoformat(" ") if cell.time() != time() else cell.date().isoformat()
        case date() | time():
            return cell.isoformat()
    raise row_fault("cell_structured", column)


def identifier_of(cell: Cell | JsonValue, column: str) -> str:
    """The cell as a subject's identifier. Raises ``InvalidRecordError``.

    A numeric cell is exact up to 15 digits only. A longer one is refused, and so is text in scientific notation,
    which is what a spreadsheet writes for it.
    """
    if isinstance(cell, int | float) and not isinstance(cell, bool) and not _is_exact(cell):
        raise row_fault("identifier_precision_lost", column)
    text = text_of(cell, column)
    if _SCIENTIFIC.fullmatch(text):
        raise row_fault("identifier_precision_lost", column)
    return text


def is_filled(cell: Cell) -> bool:
    """Whether the cell holds anything."""
    return cell is not None and cell != ""


def _is_exact(number: float) -> bool:
    return abs(number) < 10**_EXACT_DIGITS and number == int(number)
