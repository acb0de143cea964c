"""``read_rows``: the rows of a file of any kind."""

from collections.abc import Collection, Iterator
from enum import StrEnum
from pathlib import PurePath
from typing import BinaryIO

from intake.faults import FileUnreadableError
from intake.files.cells import JsonValue
from intake.files.delimited import delimited_records
from intake.files.header import find_header, rows_below
from intake.files.json_rows import json_values, ndjson_values
from intake.files.row import Row
from intake.files.sheets import sheets_of
from intake.files.text import encoding_of
from rules.faults import InvalidRecordError

__all__ = ["FileKind", "FileUnreadableError", "Row", "kind_of", "read_rows"]


class FileKind(StrEnum):
    """What a file is, by the ending of its name."""

    CSV = "csv"
    TSV = "tsv"
    TEXT = "txt"
    XLSX = "xlsx"
    XLS = "xls"
    JSON = "json"
    NDJSON = "ndjson"


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
    """The rows of a seekable file, in constant memory except for XLS and JSON. Raises ``FileUnreadableError``.

    ``columns`` are the folded names (``fold_header``) by which the header is found; without any, the header is the
    first row with two texts.
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


def _json_rows(values: Iterator[tuple[int, JsonValue | InvalidRecordError]]) -> Iterator[Row]:
    for line, value in values:
        yield Row(line, None, value) if isinstance(value, InvalidRecordError) else Row(line, value)


def _text_rows(file: BinaryIO, kind: FileKind, columns: Collection[str]) -> Iterator[Row]:
    """Below the header that has most columns, whichever delimiter it was read with."""
    encoding = encoding_of(file)
    headers = {}
    for delimiter in "\t" if kind is FileKind.TSV else ",\t":
        if header := find_header(delimited_records(file, encoding, delimiter), columns):
            headers[delimiter] = header
    if not headers:
        raise FileUnreadableError("header_missing")
    delimiter, header = max(headers.items(), key=lambda item: item[1].matches)
    yield from rows_below(header, delimited_records(file, encoding, delimiter))


def _sheet_rows(file: BinaryIO, columns: Collection[str]) -> Iterator[Row]:
    """The one sheet that has a header and a row below it."""
    headed = [(sheet, header) for sheet in sheets_of(file) if (header := find_header(sheet.rows(), columns))]
    if not headed:
        raise FileUnreadableError("header_missing")
    filled = [(sheet, header) for sheet, header in headed if any(rows_below(header, sheet.rows()))]
    if len(filled) > 1:
        raise FileUnreadableError("sheets_ambiguous")
    for sheet, header in filled:
        yield from rows_below(header, sheet.rows(), date_1904=sheet.date_1904)
