"""Comma- or tab-separated text (RFC 4180), record by record."""

import csv
from collections.abc import Iterator
from typing import BinaryIO

from intake.faults import row_fault
from intake.files.cells import unwrap
from intake.files.text import text_lines
from rules.faults import InvalidRecordError

NumberedRecord = tuple[int, list[str] | InvalidRecordError]
"""The line, from 1, on which a record starts, with its cells or its fault."""


def delimited_records(file: BinaryIO, encoding: str, delimiter: str) -> Iterator[NumberedRecord]:
    """The records of the file. A malformed line is one fault; reading continues with the line after it."""
    lines = _RewindableLines(text_lines(file, encoding))
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        lines.start_record()
        start = lines.number + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            lines.rewind()
            yield start, row_fault("row_malformed")
        else:
            yield start, [unwrap(cell) for cell in cells]


class _RewindableLines:
    """Lines that can be read again: after an open quotation mark the parser takes valid rows for part of a cell."""

    def __init__(self, lines: Iterator[str]) -> None:
        self.number = 0
        self._lines = lines
        self._record_lines: list[str] = []
        self._returned: list[str] = []

    def __iter__(self) -> "_RewindableLines":
        return self

    def __next__(self) -> str:
        line = self._returned.pop() if self._returned else next(self._lines)
        self.number += 1
        self._record_lines.append(line)
        return line

    def start_record(self) -> None:
        """The next line is the first of a record."""
        self._record_lines = []

    def rewind(self) -> None:
        """Return all lines of this record except its first, to be read again."""
        self.number -= len(self._record_lines) - 1
        self._returned += reversed(self._record_lines[1:])
