"""Rows of any kind of file: cells under a header, or values of JSON.

Title rows above the header and footers below the records are passed over. The header is the row, among
the first 30, in which most of the format's columns stand.
"""

import re
from collections.abc import Collection, Iterator, Sequence
from enum import StrEnum
from itertools import islice
from pathlib import PurePath
from typing import Any, BinaryIO, NamedTuple

from intake.faults import FileUnreadableError, row_fault
from intake.files.cells import Cell, fold_header
from intake.files.delimited import delimited_records
from intake.files.json_rows import json_values, ndjson_values
from intake.files.sheets import sheets_of
from intake.files.text import encoding_of
from rules.faults import InvalidRecordError

__all__ = ["FileKind", "FileUnreadableError", "Row", "kind_of", "read_rows"]

_HEADER_WITHIN = 30
_FEWEST_COLUMNS = 2
_TOTALS = "合计|总计|小计|共计"
_FOOTER = re.compile(
    rf"(?:{_TOTALS})\s*(?:[:：].*)?|(?:制表|填表|填报|审核|复核)(?:人|单位|日期|时间)?\s*[:：].*|(?:备注|说明|注)\s*[:：].*",
    re.DOTALL,
)


class FileKind(StrEnum):
    """What a file is, by its ending."""

    CSV = "csv"
    TSV = "tsv"
    TEXT = "txt"
    XLSX = "xlsx"
    XLS = "xls"
    JSON = "json"
    NDJSON = "ndjson"


class Row(NamedTuple):
    """One row of a file.

    ``line`` is the line on which it starts, the row of the sheet, or the position in a JSON array; from 1.
    ``cells`` maps the file's own column names to cells, or is a value of JSON. ``fault`` says that the row
    could not be read. ``table`` says that the cells stand under a header; ``date_1904`` is set for workbooks only.
    """

    line: int
    cells: Any
    fault: InvalidRecordError | None = None
    table: bool = False
    date_1904: bool | None = None


def kind_of(name: str) -> FileKind:
    """The kind of a file by the ending of its name. Raises ``FileUnreadableError``."""
    ending = PurePath(name).suffix.lower().lstrip(".")
    if ending == "jsonl":
        return FileKind.NDJSON
    try:
        return FileKind(ending)
    except ValueError:
        raise FileUnreadableError("file_kind_unknown") from None


def read_rows(file: BinaryIO, kind: FileKind, columns: Collection[str] = ()) -> Iterator[Row]:
    """The rows of a seekable file, in constant memory but for XLS and JSON. Raises ``FileUnreadableError``.

    ``columns`` are the folded names (``fold_header``) among which the header is looked for; without any,
    the header is the first row that has two cells.
    """
    match kind:
        case FileKind.NDJSON:
            yield from _json_rows(ndjson_values(file))
        case FileKind.JSON:
            yield from _json_rows(json_values(file))
        case FileKind.XLSX | FileKind.XLS:
            yield from _sheet_rows(file, columns)
        case _:
            yield from _text_rows(file, kind, columns)


def _json_rows(values: Iterator[tuple[int, Any]]) -> Iterator[Row]:
    for line, value in values:
        yield Row(line, None, value) if isinstance(value, InvalidRecordError) else Row(line, value)


def _text_rows(file: BinaryIO, kind: FileKind, columns: Collection[str]) -> Iterator[Row]:
    encoding = encoding_of(file)
    found = {}
    for delimiter in "\t" if kind is FileKind.TSV else ",\t":
        if header := _header(delimited_records(file, encoding, delimiter), columns):
            found[delimiter] = header
    if not found:
        raise FileUnreadableError("header_missing")
    delimiter, header = max(found.items(), key=lambda item: item[1].matches)
    yield from _below(header, delimited_records(file, encoding, delimiter), None)


def _sheet_rows(file: BinaryIO, columns: Collection[str]) -> Iterator[Row]:
    headed = [(sheet, header) for sheet in sheets_of(file) if (header := _header(sheet.rows(), columns))]
    if not headed:
        raise FileUnreadableError("header_missing")
    filled = [pair for pair in headed if any(_below(pair[1], pair[0].rows(), None))]
    if len(filled) > 1:
        raise FileUnreadableError("sheets_ambiguous")
    for sheet, header in filled:
        yield from _below(header, sheet.rows(), sheet.date_1904)


class _Header(NamedTuple):
    line: int
    names: tuple[str, ...]
    matches: int


_Lines = Iterator[tuple[int, Sequence[Cell] | InvalidRecordError]]


def _header(lines: Any, columns: Collection[str]) -> _Header | None:  # noqa: ANN401
    best: _Header | None = None
    rows = (
        (line, cells) for line, cells in lines if not isinstance(cells, InvalidRecordError) and any(map(_filled, cells))
    )
    for line, cells in islice(rows, _HEADER_WITHIN):
        names = tuple(fold_header(cell) if isinstance(cell, str) else "" for cell in cells)
        known = [name for name in names if name and (not columns or name in columns)]
        if len(set(known)) < _FEWEST_COLUMNS or (best and len(set(known)) <= best.matches):
            continue
        if len(set(known)) < len(known):
            raise FileUnreadableError("header_duplicate", line=line)
        best = _Header(line, tuple(cell.strip() if isinstance(cell, str) else "" for cell in cells), len(known))
        if not columns:
            return best
    return best


def _below(header: _Header, lines: Any, date_1904: bool | None) -> Iterator[Row]:  # noqa: ANN401
    width = len(header.names)
    for line, cells in lines:
        if line <= header.line:
            continue
        if isinstance(cells, InvalidRecordError):
            yield Row(line, None, cells)
            continue
        first = next((cell for cell in cells if _filled(cell)), None)
        if first is None or (isinstance(first, str) and _FOOTER.fullmatch(first.strip())):
            continue
        nameless = [cell for name, cell in zip(header.names, cells, strict=False) if not name]
        if any(map(_filled, cells[width:])) or any(map(_filled, nameless)):
            yield Row(line, None, row_fault("cells_without_column"))
            continue
        named = {name: cell for name, cell in zip(header.names, cells, strict=False) if name}
        yield Row(line, named, None, True, date_1904)


def _filled(cell: Cell) -> bool:
    return cell is not None and cell != ""
