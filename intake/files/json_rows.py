"""JSON: one object or an array, read as a whole; NDJSON line by line."""

import os
from collections.abc import Iterator
from typing import BinaryIO

import orjson

from intake.faults import FileUnreadableError, row_fault
from intake.files.cells import JsonValue
from intake.files.limits import MAX_LINE_BYTES, MAX_WHOLE_FILE_BYTES
from intake.files.text import encoding_of, text_lines
from rules.faults import InvalidRecordError

_BOM = b"\xef\xbb\xbf"


def json_values(file: BinaryIO) -> Iterator[tuple[int, JsonValue]]:
    """The values of a JSON array, or the one value, with positions from 1. Raises ``FileUnreadableError``."""
    file.seek(0, os.SEEK_END)
    if file.tell() > MAX_WHOLE_FILE_BYTES:
        raise FileUnreadableError("file_too_large")
    text = "".join(text_lines(file, encoding_of(file), MAX_WHOLE_FILE_BYTES))
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise FileUnreadableError("json_invalid", line=error.lineno) from None
    yield from enumerate(value if isinstance(value, list) else [value], start=1)


def ndjson_values(file: BinaryIO) -> Iterator[tuple[int, JsonValue | InvalidRecordError]]:
    """The value of each line that is not empty, or its fault, with line numbers from 1. UTF-8 (RFC 8259)."""
    file.seek(0)
    number = 0
    while line := file.readline(MAX_LINE_BYTES):
        number += 1
        if number == 1:
            line = line.removeprefix(_BOM)
        if len(line) >= MAX_LINE_BYTES and not line.endswith(b"\n"):
            _skip_line(file)
            yield number, row_fault("row_too_long")
        elif line.strip():
            yield number, _value(line)


def _value(line: bytes) -> JsonValue | InvalidRecordError:
    try:
        value: JsonValue = orjson.loads(line)
    except orjson.JSONDecodeError:
        return InvalidRecordError("json_invalid")
    return value


def _skip_line(file: BinaryIO) -> None:
    while part := file.readline(MAX_LINE_BYTES):
        if part.endswith(b"\n"):
            return
