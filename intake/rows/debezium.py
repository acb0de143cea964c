"""Change events of Debezium: the envelope around a row of an authority's own table.

The form is "data change event" in Debezium's documentation, the same for all its SQL connectors: ``before``,
``after``, ``source``, ``op``, with or without ``{schema, payload}`` around it. A deletion is followed by a tombstone,
which is a null value. ``r`` restates a row for a snapshot and may arrive again at any time.
"""

from typing import NamedTuple

from intake.faults import row_fault
from intake.files.cells import JsonValue

_ROW_AFTER_CHANGE = frozenset({"c", "r", "u"})
_OTHER_OPERATIONS = frozenset({"t", "m"})


class RowChange(NamedTuple):
    """A row as it is after its change, or as it was before its deletion. ``changed_at`` is in ms since 1970, UTC."""

    row: dict[str, JsonValue]
    deleted: bool
    changed_at: int


def parse_change(value: object) -> RowChange | None:
    """The change in an event, or None for a tombstone. Raises ``InvalidRecordError``."""
    if isinstance(value, dict) and "payload" in value:
        value = value["payload"]
    if value is None:
        return None
    if not isinstance(value, dict):
        raise row_fault("change_malformed")
    op = value.get("op")
    if op in _OTHER_OPERATIONS:
        raise row_fault("change_not_of_a_row", "op")
    if op == "d":
        return RowChange(_row(value, "before", "change_without_before"), True, _changed_at(value))
    if op in _ROW_AFTER_CHANGE:
        return RowChange(_row(value, "after", "change_malformed"), False, _changed_at(value))
    raise row_fault("change_malformed", "op")


def _row(event: dict[str, JsonValue], name: str, code: str) -> dict[str, JsonValue]:
    row = event.get(name)
    if row is None:
        raise row_fault(code, name)
    if not isinstance(row, dict):
        raise row_fault("change_malformed", name)
    return row


def _changed_at(event: dict[str, JsonValue]) -> int:
    source = event.get("source")
    found = source.get("ts_ms") if isinstance(source, dict) else None
    if not isinstance(found, int) or isinstance(found, bool) or found < 0:
        raise row_fault("change_malformed", "source.ts_ms")
    return found
