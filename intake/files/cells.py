"""One cell: what it can be, and the text that was meant by it."""

import re
import unicodedata
from datetime import date, datetime, time
from functools import lru_cache
from typing import Any

from intake.faults import row_fault

Cell = str | int | float | date | datetime | time | None
"""What a cell of a table holds; JSON may hold lists and objects as well."""

DIGITS_KEPT = 15
"""A spreadsheet keeps so many digits of a number (IEEE 754 double)."""
_BLANK = "\ufeff\u200b\u200c\u200d\u2060"
_WRAPPED = re.compile(r'="(.*)"', re.DOTALL)
_SCIENTIFIC = re.compile(r"\d(?:\.\d+)?[Ee]\+?\d{1,3}")
_SHEET_ERRORS = frozenset({"#DIV/0!", "#N/A", "#NAME?", "#NULL!", "#NUM!", "#REF!", "#VALUE!", "#GETTING_DATA"})


def fold(text: str) -> str:
    """The form in which names of columns and codes are compared: NFKC, stripped, case folded."""
    return strip(unicodedata.normalize("NFKC", text)).casefold()


@lru_cache(maxsize=4096)
def fold_header(text: str) -> str:
    """As ``fold``, remembered: for names that stand in every row, never for what stands under them."""
    return fold(text)


def strip(text: str) -> str:
    """Without spaces and invisible characters around it."""
    text = text.strip()
    while text and (text[0] in _BLANK or text[-1] in _BLANK):
        text = text.strip(_BLANK).strip()
    return text


def unwrap(text: str) -> str:
    """A cell of delimited text without what spreadsheets put around a number to keep it as text."""
    text = strip(text)
    if text.startswith("'"):
        return strip(text[1:])
    if text.startswith("=") and (found := _WRAPPED.fullmatch(text)):
        return strip(found[1].replace('""', '"'))
    return text


def text_of(cell: Any, column: str) -> str:  # noqa: ANN401 - whatever a sheet or JSON holds
    """The cell as text, "" when it is empty. Raises ``InvalidRecordError``."""
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
            return str(int(cell)) if cell.is_integer() and abs(cell) < 10**DIGITS_KEPT else repr(cell)
        case datetime():
            return cell.isoformat(" ") if cell.time() != time() else cell.date().isoformat()
        case date() | time():
            return cell.isoformat()
    raise row_fault("cell_structured", column)


def identifier_of(cell: Any, column: str) -> str:  # noqa: ANN401
    """The cell as the number of a subject. Raises ``InvalidRecordError``.

    A numeric cell is believed up to 15 digits only; so is a text to which a spreadsheet has written one.
    """
    numeric = isinstance(cell, int | float) and not isinstance(cell, bool)
    if numeric and (abs(cell) >= 10**DIGITS_KEPT or cell != int(cell)):
        raise row_fault("identifier_precision_lost", column)
    text = text_of(cell, column)
    if _SCIENTIFIC.fullmatch(text):
        raise row_fault("identifier_precision_lost", column)
    return text
