"""Change events of Debezium: the envelope around a row of an authority's own table.

The form is that of Debezium's documentation of "data change events", for all its SQL connectors: ``before``,
``after``, ``source``, ``op``, with or without ``{schema, payload}`` around it; a deletion is followed by a
tombstone, a value of null. A snapshot's ``r`` restates a row and may come again at any time.
"""

from typing import Any, NamedTuple

from intake.faults import row_fault

_ROW_PRESENT = frozenset({"c", "r", "u"})
_NOT_OF_A_ROW = frozenset({"t", "m"})


class Change(NamedTuple):
    """One row as it is now, or as it was before it was deleted. ``changed_at`` is in ms since 1970, UTC."""

    row: dict[str, Any]
    deleted: bool
    changed_at: int


def change_of(value: Any) -> Change | None:  # noqa: ANN401 - whatever JSON holds
    """The change that an event tells, or None for a tombstone. Raises ``InvalidRecordError``."""
    if isinstance(value, dict) and "payload" in value:
        value = value["payload"]
    if value is None:
        return None
    if not isinstance(value, dict):
        raise row_fault("change_malformed")
    op = value.get("op")
    if op in _NOT_OF_A_ROW:
        raise row_fault("change_not_of_a_row", "op")
    if op == "d":
        return Change(_row(value, "before", "change_without_before"), True, _changed_at(value))
    if op in _ROW_PRESENT:
        return Change(_row(value, "after", "change_malformed"), False, _changed_at(value))
    raise row_fault("change_malformed", "op")


def _row(event: dict[str, Any], name: str, code: str) -> dict[str, Any]:
    row = event.get(name)
    if row is None:
        raise row_fault(code, name)
    if not isinstance(row, dict):
        raise row_fault("change_malformed", name)
    return row


def _changed_at(event: dict[str, Any]) -> int:
    source = event.get("source")
    found = source.get("ts_ms") if isinstance(source, dict) else None
    if not isinstance(found, int) or isinstance(found, bool) or found < 0:
        raise row_fault("change_malformed", "source.ts_ms")
    return found
