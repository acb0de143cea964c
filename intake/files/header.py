"""The header of a table: where it is, and the rows below it.

Titles above the header and footers below the records are skipped. The header is the row, among the first 30, that
holds most of the format's columns.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from intake.faults import FileUnreadableError, row_fault
from intake.files.cells import Cell, fold_header, is_filled
from intake.files.row import Row
from rules.faults import InvalidRecordError

_SEARCHED_ROWS = 30
_MIN_COLUMNS = 2
_TOTALS = "合计|总计|小计|共计"
_FOOTER = re.compile(
    rf"(?:{_TOTALS})\s*(?:[:：].*)?|(?:制表|填表|填报|审核|复核)(?:人|单位|日期|时间)?\s*[:：].*|(?:备注|说明|注)\s*[:：].*",
    re.DOTALL,
)

NumberedCells = tuple[int, Sequence[Cell] | InvalidRecordError]
"""A line number from 1 with the cells of the line, or the fault for which it cannot be read."""


class Header(NamedTuple):
    """A header row. ``names`` has "" for a cell without a name; ``matches`` counts the columns of the format."""

    line: int
    names: tuple[str, ...]
    matches: int


def find_header(lines: Iterable[NumberedCells], columns: Collection[str]) -> Header | None:
    """The header among the first rows, or None.

    ``columns`` are the folded names of the format's columns; without any, the header is the first row with two texts.
    Raises ``FileUnreadableError`` when a column occurs twice.
    """
    best: Header | None = None
    for line, cells in islice(_filled_rows(lines), _SEARCHED_ROWS):
        folded = (fold_header(cell) if isinstance(cell, str) else "" for cell in cells)
        known = [name for name in folded if name and (not columns or name in columns)]
        distinct = len(set(known))
        if distinct < _MIN_COLUMNS or (best and distinct <= best.matches):
            continue
        if distinct < len(known):
            raise FileUnreadableError("header_duplicate", line=line)
        best = Header(line, tuple(cell.strip() if isinstance(cell, str) else "" for cell in cells), distinct)
        if not columns:
            return best
    return best


def _filled_rows(lines: Iterable[NumberedCells]) -> Iterator[tuple[int, Sequence[Cell]]]:
    for line, cells in lines:
        if not isinstance(cells, InvalidRecordError) and any(map(is_filled, cells)):
            yield line, cells


def rows_below(header: Header, lines: Iterable[NumberedCells], *, date_1904: bool | None = None) -> Iterator[Row]:
    """The rows below the header, without empty rows and footers; a row that cannot be read has its fault."""
    for line, cells in lines:
        if line <= header.line:
            continue
        if isinstance(cells, InvalidRecordError):
            yield Row(line, None, cells)
        elif not _is_empty_or_footer(cells):
            yield _row(header, line, cells, date_1904)


def _is_empty_or_footer(cells: Sequence[Cell]) -> bool:
    first = next((cell for cell in cells if is_filled(cell)), None)
    return first is None or (isinstance(first, str) and _FOOTER.fullmatch(first.strip()) is not None)


def _row(header: Header, line: int, cells: Sequence[Cell], date_1904: bool | None) -> Row:
    pairs = list(zip(header.names, cells, strict=False))
    nameless = [cell for name, cell in pairs if not name]
    if any(map(is_filled, (*nameless, *cells[len(header.names) :]))):
        return Row(line, None, row_fault("cells_without_column"))
    return Row(line, {name: cell for name, cell in pairs if name}, in_table=True, date_1904=date_1904)
