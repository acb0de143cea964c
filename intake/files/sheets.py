"""Workbooks: XLSX row by row; XLS as a whole, because its format allows nothing else.

The first bytes tell the two apart, because departments rename one to the other. A formula has the value that the
spreadsheet stored last. The shared strings of an XLSX are held in memory.
"""

import os
import warnings
import zipfile
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, BinaryIO, NamedTuple

import xlrd

from intake.faults import FileUnreadableError
from intake.files.cells import Cell
from intake.files.limits import MAX_UNPACKED_BYTES, MAX_WHOLE_FILE_BYTES, MAX_XLSX_ROWS

_ZIP_MAGIC, _OLE_MAGIC = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"


class Sheet(NamedTuple):
    """One visible sheet. ``rows`` starts from the top at each call and yields row numbers from 1 with their cells."""

    rows: Callable[[], Iterator[tuple[int, list[Cell]]]]
    date_1904: bool


def sheets_of(file: BinaryIO) -> list[Sheet]:
    """The visible sheets in order. Raises ``FileUnreadableError``, also while rows are read."""
    file.seek(0)
    start = file.read(4)
    file.seek(0)
    try:
        if start == _ZIP_MAGIC:
            return _xlsx(file)
        if start == _OLE_MAGIC:
            return _xls(file)
    except FileUnreadableError:
        raise
    except Exception:
        # On a damaged file both libraries raise errors of any kind.
        raise FileUnreadableError("workbook_unreadable") from None
    raise FileUnreadableError("workbook_unreadable")


def _xlsx(file: BinaryIO) -> list[Sheet]:
    # Only workbooks need it, and importing it costs each process 0.1 s of its start.
    from openpyxl import load_workbook  # noqa: PLC0415
    from openpyxl.utils.datetime import CALENDAR_MAC_1904  # noqa: PLC0415

    with zipfile.ZipFile(file) as archive:
        if sum(item.file_size for item in archive.infolist()) > MAX_UNPACKED_BYTES:
            raise FileUnreadableError("workbook_too_large")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about styles and extensions, which are not read
        workbook = load_workbook(file, read_only=True, data_only=True, keep_links=False)
    date_1904 = workbook.epoch == CALENDAR_MAC_1904
    visible = [sheet for sheet in workbook.worksheets if sheet.sheet_state == "visible"]
    return [Sheet(lambda sheet=sheet: _xlsx_rows(sheet), date_1904) for sheet in visible]  # type: ignore[misc]


def _xlsx_rows(sheet: Any) -> Iterator[tuple[int, list[Cell]]]:  # noqa: ANN401 - openpyxl's read-only sheet
    # The extent that a file states is often too small and would cut rows off.
    sheet.reset_dimensions()
    rows = sheet.iter_rows(values_only=True)
    for number in range(1, MAX_XLSX_ROWS + 1):
        try:
            cells = next(rows, None)
        except Exception:
            raise FileUnreadableError("workbook_unreadable", line=number) from None
        if cells is None:
            return
        yield number, list(cells)


def _xls(file: BinaryIO) -> list[Sheet]:
    content = file.read(MAX_WHOLE_FILE_BYTES + 1)
    if len(content) > MAX_WHOLE_FILE_BYTES:
        raise FileUnreadableError("file_too_large")
    with open(os.devnull, "w") as silent:
        workbook = xlrd.open_workbook(file_contents=content, logfile=silent)
    visible = [sheet for sheet in workbook.sheets() if sheet.visibility == 0]
    datemode = workbook.datemode
    return [Sheet(lambda sheet=sheet: _xls_rows(sheet, datemode), bool(datemode)) for sheet in visible]  # type: ignore[misc]


def _xls_rows(sheet: Any, datemode: int) -> Iterator[tuple[int, list[Cell]]]:  # noqa: ANN401 - xlrd has no types
    for index in range(sheet.nrows):
        yield index + 1, [_xls_cell(cell, datemode) for cell in sheet.row(index)]


def _xls_cell(cell: Any, datemode: int) -> Cell:  # noqa: ANN401
    match cell.ctype:
        case xlrd.XL_CELL_EMPTY | xlrd.XL_CELL_BLANK:
            return None
        case xlrd.XL_CELL_DATE:
            return _xls_date(cell.value, datemode)
        case xlrd.XL_CELL_BOOLEAN:
            return bool(cell.value)
        case xlrd.XL_CELL_ERROR:
            return "#VALUE!"
    return cell.value  # type: ignore[no-any-return]


def _xls_date(serial: float, datemode: int) -> Cell:
    try:
        found: datetime = xlrd.xldate.xldate_as_datetime(serial, datemode)
    except (ValueError, OverflowError, xlrd.xldate.XLDateError):
        return "#VALUE!"
    return found
