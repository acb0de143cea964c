"""Files whose rows are feed records v1: JSON objects as they are, or tables with dotted column names."""

from typing import Any

import orjson

from intake.files.cells import Cell, JsonValue, strip, text_of
from intake.files.row import CellsByColumn, Row
from intake.rows.record_document import RecordDocument
from rules.faults import InvalidRecordError

_INTEGER_COLUMNS = frozenset({"version", "subject.age"})
_BOOLEANS = {"first_listing": {"true": True, "false": False}}
_JSON_COLUMNS = frozenset({"responsible_persons"})


def feed_record(row: Row, authority: str) -> RecordDocument:
    """The record, with ``authority`` unless it names one itself. Raises ``InvalidRecordError``."""
    cells = row.by_column()
    return {"authority": authority} | (_nested(cells) if row.in_table else dict(cells))


def _nested(cells: CellsByColumn) -> RecordDocument:
    """Dotted columns as nested objects, without the fields of empty cells."""
    record: RecordDocument = {}
    for header, cell in cells.items():
        column = strip(header)
        value = _typed(column, cell)
        if value == "":
            continue
        *parents, name = column.split(".")
        parent_object = record
        for parent in parents:
            parent_object = parent_object.setdefault(parent, {})
            if not isinstance(parent_object, dict):
                raise InvalidRecordError("field_invalid", path=column)
        parent_object[name] = value
    return record


def _typed(column: str, cell: Cell | JsonValue) -> Any:  # noqa: ANN401 - a field of a JSON document
    text = text_of(cell, column)
    if column in _INTEGER_COLUMNS and text.isdecimal():
        return int(text)
    if column in _JSON_COLUMNS and text:
        try:
            return orjson.loads(text)
        except orjson.JSONDecodeError:
            return text
    return _BOOLEANS.get(column, {}).get(text.casefold(), text)
