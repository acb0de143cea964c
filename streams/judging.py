"""From a message of a topic to judged arrivals: feed records as they stand, or what change events say."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import orjson

from config.topics import ACCEPTED_HEADER, RECEIPT_HEADER
from intake.files.tables import Row
from intake.formats.model import Format
from intake.rows.pipeline import prepare_row
from rules.admission.feed_event import FeedEvent
from rules.admission.validator import RecordValidator
from rules.calendar import civil_day
from rules.faults import InvalidRecordError
from rules.records.feed_record import MAX_RECORD_BYTES
from store.ledger.feed_events import Arrival, place_of
from streams.delivered import Delivered

_RECEIPT = re.compile(rb"([a-zA-Z0-9_-]{1,40}):([0-9]{1,6})")
_MAX_EVENT_BYTES = 1024 * 1024


class Judge(Protocol):
    """Makes arrivals of a message; never raises for what a message holds."""

    def arrivals(self, record: Delivered) -> list[Arrival]:
        """What the message brings, in the order in which it happened."""


@dataclass(frozen=True, slots=True)
class RecordJudge:
    """Judges feed records v1, from the gateway or from an authority's own producer."""

    desk: RecordValidator
    clock: Callable[[], datetime]

    def arrivals(self, record: Delivered) -> list[Arrival]:
        """The one record."""
        headers = dict(record.headers)
        sent = _RECEIPT.fullmatch(headers.get(RECEIPT_HEADER, b""))
        index = int(sent[2]) if sent else None
        place = place_of(index, record.offset)
        stamp = headers.get(ACCEPTED_HEADER, b"")
        accepted = int(stamp) if len(stamp) == 13 and stamp.isdigit() else _arrived(record)
        value: Any = None
        judged: FeedEvent | InvalidRecordError
        try:
            value = _decode(record.value, MAX_RECORD_BYTES)
            judged = self.desk.validate(value, today=civil_day(self.clock()), default_version=accepted, position=place)
        except InvalidRecordError as fault:
            judged = fault
        return [
            Arrival(
                event_id=sent[0].decode() if sent else _own_id(record),
                topic=record.topic,
                partition=record.partition,
                offset=record.offset,
                authority=self._known_authority(value),
                default_version=accepted,
                judged=judged,
                receipt_id=sent[1].decode() if sent else None,
                receipt_index=index,
            )
        ]

    def _known_authority(self, value: Any) -> str:  # noqa: ANN401
        code = value.get("authority") if isinstance(value, dict) else None
        return code if isinstance(code, str) and self.desk.departments.find(code) else "unknown"


@dataclass(frozen=True, slots=True)
class ChangeJudge:
    """Judges change events of one authority's own database, read by one format (数据库对接, 办法二 Art. 16)."""

    desk: RecordValidator
    clock: Callable[[], datetime]
    format: Format
    authority: str

    def arrivals(self, record: Delivered) -> list[Arrival]:
        """The records that the event says; none for a tombstone."""
        if record.value is None:
            return []
        return [
            Arrival(
                event_id=f"{_own_id(record)}#{number}",
                topic=record.topic,
                partition=record.partition,
                offset=record.offset,
                authority=self.authority,
                default_version=_arrived(record),
                judged=judged,
            )
            for number, judged in enumerate(self._judged(record))
        ]

    def _judged(self, record: Delivered) -> list[FeedEvent | InvalidRecordError]:
        try:
            value = _decode(record.value, _MAX_EVENT_BYTES)
        except InvalidRecordError as fault:
            return [fault]
        found: list[FeedEvent | InvalidRecordError] = []
        for row in prepare_row(self.format, Row(1, value), self.authority):
            try:
                found.append(row.fault or self._admit(row.record, record))
            except InvalidRecordError as fault:
                path = self.format.column_at(fault.path) or fault.path
                found.append(InvalidRecordError(fault.code, path=path, detail=fault.detail, text=fault.text))
        return found

    def _admit(self, record: Any, event: Delivered) -> FeedEvent:  # noqa: ANN401
        return self.desk.validate(
            record,
            today=civil_day(self.clock()),
            default_version=_arrived(event),
            position=place_of(None, event.offset),
            sender=self.authority,
        )


def _arrived(record: Delivered) -> int:
    return round(record.timestamp * 1000)


def _own_id(record: Delivered) -> str:
    return f"{record.topic}/{record.partition}/{record.offset}@{_arrived(record)}"


def _decode(value: bytes | None, limit: int) -> Any:  # noqa: ANN401
    if value is None:
        raise InvalidRecordError("record_not_object")
    if len(value) > limit:
        raise InvalidRecordError("record_too_large")
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError:
        raise InvalidRecordError("json_invalid") from None
