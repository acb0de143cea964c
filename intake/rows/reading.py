"""``RowReader``: the fields of one row under one format, and the column to name in a fault."""

from collections.abc import Callable, Mapping
from datetime import date
from typing import NoReturn, TypeVar

from intake.faults import row_fault
from intake.files.cells import Cell, JsonValue, fold, fold_header, identifier_of, text_of
from intake.files.row import CellsByColumn
from intake.formats.dates import DateUnreadableError, OpenEnd, read_day, read_end
from intake.formats.model import Format
from intake.formats.rules import Constant, Rule, Split

_MAX_EMPTY_TEXT_CHARS = 8
"""Characters of the longest text that is compared with a format's texts for an empty cell."""

Day = TypeVar("Day", bound=date | OpenEnd)


class RowReader:
    """The cells of one row by the names that the format's rules use. All methods raise ``InvalidRecordError``.

    ``given`` holds values that are no column of the file (``@authority``). ``notes`` collects codes of
    ``INTAKE_NOTES``.
    """

    def __init__(
        self, fmt: Format, cells: CellsByColumn, given: Mapping[str, Cell], *, date_1904: bool | None = None
    ) -> None:
        self.notes: list[str] = []
        self._date_1904 = date_1904
        self._empty_texts = fmt.empty_texts
        self._cells: dict[str, tuple[str, Cell | JsonValue]] = {name: (name, value) for name, value in given.items()}
        for header, cell in cells.items():
            name = fmt.column_names.get(fold_header(header))
            # If a file has two spellings of one column, the filled one counts.
            if name is not None and (name not in self._cells or not self._is_filled(self._cells[name][1])):
                self._cells[name] = header, cell

    def text(self, rule: Rule) -> str:
        """The field as text, "" when it is empty."""
        value = self.value(rule)
        return str(value).lower() if isinstance(value, bool) else str(value)

    def value(self, rule: Rule) -> Constant:
        """As ``text``; a constant or a value of a code table may also be a number or a boolean."""
        if rule.constant is not None:
            return rule.constant
        value: Constant = self._uncoded_text(rule)
        if value != "" and rule.codes is not None:
            value = self._coded(rule, str(value))
        if value != "" or rule.default is None:
            return value
        return rule.default

    def required(self, rule: Rule) -> Constant:
        """As ``value``, but refuses an empty field."""
        value = self.value(rule)
        return self.refuse_missing(rule) if value == "" else value

    def number(self, rule: Rule) -> int | None:
        """The field as a whole number, None when it is empty."""
        value = self.value(rule)
        if value == "" or isinstance(value, int):
            return None if value == "" else int(value)
        if not str(value).isdecimal():
            raise row_fault("number_unreadable", self.source_of(rule))
        return int(value)

    def identifier(self, rule: Rule) -> str:
        """The field as a subject's identifier. Checks the cells of all its columns, not only the first filled one."""
        for column in rule.columns:
            header, cell = self._cells.get(column, (column, None))
            identifier_of(cell, header)
        return self.text(rule)

    def day(self, rule: Rule) -> date | None:
        """The field as a civil day; None when it is empty."""

        def read(cell: Cell | JsonValue) -> date | None:
            return read_day(cell, rule.date_form, date_1904=self._date_1904)

        return self._first_date(rule, read)

    def required_day(self, rule: Rule) -> date:
        """As ``day``, but refuses an empty field."""
        return self.day(rule) or self.refuse_missing(rule)

    def end(self, rule: Rule) -> date | None:
        """As ``day``; None, with a note, also for an end that was written as never."""

        def read(cell: Cell | JsonValue) -> date | OpenEnd | None:
            return read_end(cell, rule.date_form, date_1904=self._date_1904)

        found: date | OpenEnd | None = self._first_date(rule, read)
        if isinstance(found, OpenEnd):
            self.notes.append("end_for_ever")
            return None
        return found

    def refuse_missing(self, rule: Rule) -> NoReturn:
        """Refuse the row because this rule finds nothing."""
        present = any(column in self._cells for column in rule.columns)
        raise row_fault("column_empty" if present else "column_missing", self.source_of(rule))

    def source_of(self, rule: Rule) -> str:
        """The rule's column as the file spells it: the filled one of several, else all of them."""
        cells = (self._cells[name] for name in rule.columns if name in self._cells)
        filled = next((header for header, cell in cells if self._is_filled(cell)), None)
        return filled or "/".join(self._cells.get(name, (name, None))[0] for name in rule.columns)

    def _uncoded_text(self, rule: Rule) -> str:
        if rule.join:
            return rule.joiner.join(filter(None, map(self._cell_text, rule.join)))
        text = next(filter(None, map(self._cell_text, rule.columns)), "")
        return self._part(rule, rule.split, text) if text and rule.split is not None else text

    def _part(self, rule: Rule, split: Split, text: str) -> str:
        parts = split_at(text, split.at)
        index = split.part - 1 if split.part > 0 else split.part
        if not -len(parts) <= index < len(parts):
            raise row_fault("part_missing", self.source_of(rule))
        return parts[index]

    def _coded(self, rule: Rule, text: str) -> Constant:
        assert rule.codes is not None
        folded = fold(text)
        found = next((value for code, value in rule.codes.items() if fold_header(code) == folded), rule.otherwise)
        if found is None:
            raise row_fault("code_unknown", self.source_of(rule))
        return found

    def _first_date(self, rule: Rule, read: Callable[[Cell | JsonValue], Day | None]) -> Day | None:
        """What the first of the rule's columns that holds a date gives."""
        for column in rule.columns:
            header, cell = self._cells.get(column, (column, None))
            if not self._is_filled(cell):
                continue
            if rule.split is not None:
                cell = self._uncoded_text(rule)
            try:
                day = read(cell)
            except DateUnreadableError:
                raise row_fault("date_unreadable", header) from None
            if day is not None:
                return day
        return None

    def _cell_text(self, column: str) -> str:
        header, cell = self._cells.get(column, (column, None))
        text = text_of(cell, header)
        return "" if self._means_empty(text) else text

    def _is_filled(self, cell: Cell | JsonValue) -> bool:
        return not self._means_empty(cell) if isinstance(cell, str) else cell is not None

    def _means_empty(self, text: str) -> bool:
        return not text or (len(text) <= _MAX_EMPTY_TEXT_CHARS and fold(text) in self._empty_texts)


def split_at(text: str, separators: str) -> list[str]:
    """The parts of a text between any of these characters, without spaces around them."""
    return [part.strip() for part in text.translate(dict.fromkeys(map(ord, separators), "\n")).split("\n")]
