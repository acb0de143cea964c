"""The rows of ``feed_events``: one for each record received, and one for each change that CreditGate makes itself."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import orjson
from sqlalchemy import RowMapping

from rules.admission.feed_event import OBJECTION_OPERATIONS, FeedEvent, order_of
from rules.faults import InvalidRecordError
from rules.records.feed_record import feed_record_from_json, feed_record_json
from store.db.schema import feed_events

_NUMBER_AND_SEAL = ("id", "chain")
_NO_VALUES: dict[str, Any] = dict.fromkeys(
    column.name for column in feed_events.c if column.name not in _NUMBER_AND_SEAL
)


class RecordOutcome(StrEnum):
    """What became of a record.

    ``superseded``: the ledger has the same or a later event of the listing. ``held``: its authority's feed is in
    quarantine. ``discarded``: it was in quarantine, and an entitled person discarded it.
    """

    APPLIED = "applied"
    SUPERSEDED = "superseded"
    REJECTED = "rejected"
    HELD = "held"
    DISCARDED = "discarded"


@dataclass(frozen=True, slots=True)
class ReceivedRecord:
    """One record from a topic with the result of its validation. ``default_version`` is in milliseconds."""

    event_id: str
    topic: str
    partition: int
    offset: int
    authority: str
    default_version: int
    validated: FeedEvent | InvalidRecordError
    receipt_id: str | None = None
    receipt_index: int | None = None


def position_in_millisecond(receipt_index: int | None, offset: int) -> int:
    """What orders records that arrived in the same millisecond: the index in their delivery, else the offset."""
    return offset if receipt_index is None else receipt_index


def received_rows(
    records: Sequence[ReceivedRecord], last_orders: Mapping[str, str], held: Mapping[str, str], now: int
) -> Iterator[dict[str, Any]]:
    """A row for each record.

    ``last_orders`` has the order of the last event in the ledger by listing (objections have no part in it), ``held``
    the quarantine of a record by event id; ``now`` is in milliseconds.
    """
    orders = dict(last_orders)
    for record in records:
        row = _base_row(record, now) | {"hold_id": held.get(record.event_id)}
        if isinstance(record.validated, InvalidRecordError):
            fault = record.validated
            row |= {"code": fault.code, "fault": orjson.dumps(fault.as_dict()).decode()}
        else:
            row |= _event_columns(record.validated, orders)
        if row["hold_id"] is not None:
            row |= {"outcome": RecordOutcome.HELD, "ordering": None}
        yield row


def _base_row(record: ReceivedRecord, now: int) -> dict[str, Any]:
    return _NO_VALUES | {
        "event_id": record.event_id,
        "recorded_at": now,
        "authority": record.authority,
        "receipt_id": record.receipt_id,
        "receipt_index": record.receipt_index,
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "default_version": record.default_version,
        "operation": "unknown",
        "outcome": RecordOutcome.REJECTED,
    }


def _event_columns(event: FeedEvent, orders: dict[str, str]) -> dict[str, Any]:
    """The columns of a valid event; sets its order in ``orders`` for the records after it.

    An objection never supersedes another event, nor is it superseded by one.
    """
    last = orders.get(event.key, "")
    is_objection = event.operation in OBJECTION_OPERATIONS
    applied = is_objection or last < event.order
    if applied and not is_objection:
        orders[event.key] = event.order
    return {
        "operation": event.operation,
        "outcome": RecordOutcome.APPLIED if applied else RecordOutcome.SUPERSEDED,
        "listing_key": event.key,
        # The same event once more adds nothing to the listing.
        "ordering": None if last == event.order else event.order,
        "record": feed_record_json(event.record),
    }


def system_row(event_id: str, operation: str, authority: str, listing_key: str, now: int) -> dict[str, Any]:
    """A row that CreditGate writes itself: no record, no topic."""
    return _NO_VALUES | {
        "event_id": event_id,
        "recorded_at": now,
        "authority": authority,
        "operation": operation,
        "outcome": RecordOutcome.APPLIED.value,
        "listing_key": listing_key,
        "topic": "",
        "partition": 0,
        "offset": 0,
    }


def released_row(held: RowMapping, now: int) -> dict[str, Any]:
    """The row that applies a record released from quarantine; the row of its arrival stays as it is."""
    record = feed_record_from_json(held["record"])
    position = position_in_millisecond(held["receipt_index"], held["offset"])
    return {name: held[name] for name in held if name not in _NUMBER_AND_SEAL} | {
        "event_id": released_event_id(held["event_id"]),
        "recorded_at": now,
        "outcome": RecordOutcome.APPLIED.value,
        "ordering": order_of(record, held["default_version"], position),
    }


def released_event_id(event_id: Any) -> Any:  # noqa: ANN401 - a column or a text
    """The event id of the row that applies a released record."""
    return "released:" + event_id
