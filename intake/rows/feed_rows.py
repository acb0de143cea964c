"""Files that hold feed records v1 already: JSON as it stands, tables with dotted column names."""

from typing import Any

import orjson

from intake.files.cells import strip, text_of
from intake.files.tables import Row
from rules.faults import InvalidRecordError

_INTEGERS = frozenset({"version", "subject.age"})
_TRUTHS = {"first_listing": {"true": True, "false": False}}
_JSON_CELLS = frozenset({"responsible_persons"})


def feed_record(row: Row, authority: str) -> dict[str, Any]:
    """The record, in the name of ``authority`` unless it names one itself. Raises ``InvalidRecordError``."""
    if not isinstance(row.cells, dict):
        raise InvalidRecordError("record_not_object")
    return {"authority": authority} | (_unflatten(row.cells) if row.table else row.cells)


def _unflatten(cells: dict[str, Any]) -> dict[str, Any]:
    """Dotted columns become objects; an empty cell is an absent field."""
    record: dict[str, Any] = {}
    for header, cell in cells.items():
        column = strip(header)
        value = _typed(column, cell)
        if value == "":
            continue
        *parents, name = column.split(".")
        place = record
        for parent in parents:
            place = place.setdefault(parent, {})
            if not isinstance(place, dict):
                raise InvalidRecordError("field_invalid", path=column)
        place[name] = value
    return record


def _typed(column: str, cell: Any) -> Any:  # noqa: ANN401
    text = text_of(cell, column)
    if column in _INTEGERS and text.isdecimal():
        return int(text)
    if column in _JSON_CELLS and text:
        try:
            return orjson.loads(text)
        except orjson.JSONDecodeError:
            return text
    return _TRUTHS.get(column, {}).get(text.casefold(), text)
