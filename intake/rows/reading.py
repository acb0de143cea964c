"""One row under one format: what a rule finds in it, and which column is to blame when it finds nothing."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from intake.faults import row_fault
from intake.files.cells import fold, fold_header, identifier_of, text_of
from intake.formats.dates import FOR_EVER, DateUnreadableError, read_day, read_end
from intake.formats.model import Format
from intake.formats.rules import Constant, Rule

_LONGEST_BLANK = 8


class Reading:
    """The cells of one row by the names that the rules use. All methods raise ``InvalidRecordError``.

    ``given`` holds what is no column of the file (``@authority``). ``notes`` collects codes of
    ``INTAKE_NOTES``.
    """

    def __init__(
        self, fmt: Format, cells: Mapping[str, Any], given: Mapping[str, Any], date_1904: bool | None = None
    ) -> None:
        self.notes: list[str] = []
        self._date_1904 = date_1904
        self._blanks = fmt.blanks
        self._found: dict[str, tuple[str, Any]] = {name: (name, value) for name, value in given.items()}
        for header, cell in cells.items():
            name = fmt.canonical.get(fold_header(header))
            # Of two spellings of one column in one file, the one that is filled counts.
            if name is not None and (name not in self._found or not self._is_filled(self._found[name][1])):
                self._found[name] = header, cell

    def text(self, rule: Rule) -> str:
        """The field as text; "" when there is none."""
        value = self.value(rule)
        return str(value).lower() if isinstance(value, bool) else str(value)

    def value(self, rule: Rule) -> Constant:
        """As ``text``; a constant or a value of a code table may also be a number or a truth value."""
        if rule.constant is not None:
            return rule.constant
        value: Constant = self._plain(rule)
        if value != "" and rule.codes is not None:
            value = self._coded(rule, str(value))
        if value != "" or rule.default is None:
            return value
        return rule.default

    def needed(self, rule: Rule) -> Constant:
        """As ``value``, which must not be empty."""
        value = self.value(rule)
        return self.missing(rule) if value == "" else value

    def number(self, rule: Rule) -> int | None:
        """The field as a whole number."""
        value = self.value(rule)
        if value == "" or isinstance(value, int):
            return None if value == "" else int(value)
        if not str(value).isdecimal():
            raise row_fault("number_unreadable", self.blame(rule))
        return int(value)

    def identifier(self, rule: Rule) -> str:
        """The field as a subject's number. Every number the row gives is looked at, also behind the first."""
        for column in rule.columns:
            header, cell = self._found.get(column, (column, None))
            identifier_of(cell, header)
        return self.text(rule)

    def day(self, rule: Rule) -> date | None:
        """The field as a civil day; None when it is empty."""
        found = self._date(rule, read_day)
        assert not isinstance(found, str)
        return found

    def end(self, rule: Rule) -> date | None:
        """As ``day``; an end that is never is none, with a note."""
        found = self._date(rule, read_end)
        if found == FOR_EVER:
            self.notes.append("end_for_ever")
            return None
        assert not isinstance(found, str)
        return found

    def missing(self, rule: Rule) -> Any:  # noqa: ANN401 - never returns
        """Refuse the row for what this rule does not find."""
        present = any(column in self._found for column in rule.columns)
        raise row_fault("column_empty" if present else "column_missing", self.blame(rule))

    def blame(self, rule: Rule) -> str:
        """The rule's column in the file's own words: the filled one of several, else all of them."""
        return self._filled_of(rule) or "/".join(self._found.get(name, (name, None))[0] for name in rule.columns)

    def _plain(self, rule: Rule) -> str:
        if rule.join:
            return rule.joiner.join(filter(None, map(self._cell_text, rule.join)))
        text = next(filter(None, map(self._cell_text, rule.columns)), "")
        if text and rule.split is not None:
            parts = text.translate(dict.fromkeys(map(ord, rule.split.at), "\n")).split("\n")
            index = rule.split.part - 1 if rule.split.part > 0 else rule.split.part
            if not -len(parts) <= index < len(parts):
                raise row_fault("part_missing", self.blame(rule))
            return parts[index].strip()
        return text

    def _coded(self, rule: Rule, text: str) -> Constant:
        assert rule.codes is not None
        folded = fold(text)
        found = next((value for code, value in rule.codes.items() if fold_header(code) == folded), rule.otherwise)
        if found is None:
            raise row_fault("code_unknown", self.blame(rule))
        return found

    def _date(self, rule: Rule, read: Any) -> date | str | None:  # noqa: ANN401 - read_day or read_end
        for column in rule.columns:
            header, cell = self._found.get(column, (column, None))
            if not self._is_filled(cell):
                continue
            if rule.split is not None:
                cell = self._plain(rule)
            try:
                day: date | str | None = read(cell, rule.date_form, date_1904=self._date_1904)
            except DateUnreadableError:
                raise row_fault("date_unreadable", header) from None
            if day is not None:
                return day
        return None

    def _cell_text(self, column: str) -> str:
        header, cell = self._found.get(column, (column, None))
        text = text_of(cell, header)
        return "" if self._is_blank(text) else text

    def _filled_of(self, rule: Rule) -> str | None:
        found = (self._found[name] for name in rule.columns if name in self._found)
        return next((header for header, cell in found if self._is_filled(cell)), None)

    def _is_filled(self, cell: Any) -> bool:  # noqa: ANN401
        return not self._is_blank(cell) if isinstance(cell, str) else cell is not None

    def _is_blank(self, text: str) -> bool:
        return not text or (len(text) <= _LONGEST_BLANK and fold(text) in self._blanks)
