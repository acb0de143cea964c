"""Comma- or tab-separated text (RFC 4180): records one by one, each with the line on which it starts."""

import csv
from collections.abc import Iterator
from typing import BinaryIO

from intake.faults import row_fault
from intake.files.cells import unwrap
from intake.files.text import text_lines
from rules.faults import InvalidRecordError

Numbered = tuple[int, list[str] | InvalidRecordError]
"""A line number from 1, and the record that starts there."""


def delimited_records(file: BinaryIO, encoding: str, delimiter: str) -> Iterator[Numbered]:
    """The records of the file; a malformed line is one fault, and reading goes on with the line after it."""
    lines = _Lines(text_lines(file, encoding))
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        lines.begin()
        start = lines.number + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            lines.retreat()
            yield start, row_fault("row_malformed")
        else:
            yield start, [unwrap(cell) for cell in cells]


class _Lines:
    """Lines that can be taken back: an open quotation mark swallows rows that are sound by themselves."""

    def __init__(self, lines: Iterator[str]) -> None:
        self.number = 0
        self._lines = lines
        self._taken: list[str] = []
        self._returned: list[str] = []

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = self._returned.pop() if self._returned else next(self._lines)
        self.number += 1
        self._taken.append(line)
        return line

    def begin(self) -> None:
        """A record starts with the next line."""
        self._taken = []

    def retreat(self) -> None:
        """Take back all lines of this record but its first."""
        self.number -= len(self._taken) - 1
        self._returned += reversed(self._taken[1:])
