"""From a message of a topic to validated arrivals: feed records, or the change events of a database."""

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
from store.ledger.feed_event_rows import ReceivedRecord, position_in_millisecond
from streams.consumed_record import ConsumedRecord

_RECEIPT = re.compile(rb"([a-zA-Z0-9_-]{1,40}):([0-9]{1,6})")
_MILLISECONDS_DIGITS = 13
_MAX_EVENT_BYTES = 1024 * 1024
Validated = FeedEvent | InvalidRecordError


class MessageValidator(Protocol):
    """Makes arrivals of a message; never raises for the content of a message."""

    def arrivals(self, record: ConsumedRecord) -> list[ReceivedRecord]:
        """The records in the message, in the order in which they happened."""


@dataclass(frozen=True, slots=True)
class FeedRecordValidator:
    """Validates feed records v1, from the gateway or from an authority's own producer."""

    validator: RecordValidator
    clock: Callable[[], datetime]

    def arrivals(self, record: ConsumedRecord) -> list[ReceivedRecord]:
        """The one record of the message."""
        headers = dict(record.headers)
        receipt = _RECEIPT.fullmatch(headers.get(RECEIPT_HEADER, b""))
        index = int(receipt[2]) if receipt else None
        accepted_at = _accepted_at(headers, record)
        value, validated = self._validate(record, accepted_at, index)
        return [
            ReceivedRecord(
                event_id=receipt[0].decode() if receipt else _event_id(record),
                topic=record.topic,
                partition=record.partition,
                offset=record.offset,
                authority=self._known_authority(value),
                default_version=accepted_at,
                validated=validated,
                receipt_id=receipt[1].decode() if receipt else None,
                receipt_index=index,
            )
        ]

    def _validate(self, record: ConsumedRecord, accepted_at: int, index: int | None) -> tuple[Any, Validated]:
        """The decoded value, as far as it can be decoded, and the event or fault."""
        value: Any = None
        try:
            value = _decode(record.value, MAX_RECORD_BYTES)
            event = self.validator.validate(
                value,
                today=civil_day(self.clock()),
                default_version=accepted_at,
                position=position_in_millisecond(index, record.offset),
            )
        except InvalidRecordError as fault:
            return value, fault
        return value, event

    def _known_authority(self, value: Any) -> str:  # noqa: ANN401
        code = value.get("authority") if isinstance(value, dict) else None
        return code if isinstance(code, str) and self.validator.departments.find(code) else "unknown"


@dataclass(frozen=True, slots=True)
class ChangeEventValidator:
    """Validates change events of one authority's own database, read by one format (数据库对接, 办法二 Art. 16)."""

    validator: RecordValidator
    clock: Callable[[], datetime]
    format: Format
    authority: str

    def arrivals(self, record: ConsumedRecord) -> list[ReceivedRecord]:
        """The records in the event; none for a tombstone."""
        if record.value is None:
            return []
        return [
            ReceivedRecord(
                event_id=f"{_event_id(record)}#{number}",
                topic=record.topic,
                partition=record.partition,
                offset=record.offset,
                authority=self.authority,
                default_version=_timestamp_ms(record),
                validated=validated,
            )
            for number, validated in enumerate(self._validate(record))
        ]

    def _validate(self, record: ConsumedRecord) -> list[Validated]:
        try:
            value = _decode(record.value, _MAX_EVENT_BYTES)
        except InvalidRecordError as fault:
            return [fault]
        found: list[Validated] = []
        for row in prepare_row(self.format, Row(1, value), self.authority):
            try:
                found.append(row.fault or self._validate_row(row.record, record))
            except InvalidRecordError as fault:
                found.append(self.format.in_file_terms(fault))
        return found

    def _validate_row(self, record: Any, message: ConsumedRecord) -> FeedEvent:  # noqa: ANN401
        return self.validator.validate(
            record,
            today=civil_day(self.clock()),
            default_version=_timestamp_ms(message),
            position=position_in_millisecond(None, message.offset),
            sender=self.authority,
        )


def _accepted_at(headers: dict[str, bytes], record: ConsumedRecord) -> int:
    """When the gateway accepted the record, in milliseconds; the message's timestamp if no gateway did."""
    stamp = headers.get(ACCEPTED_HEADER, b"")
    return int(stamp) if len(stamp) == _MILLISECONDS_DIGITS and stamp.isdigit() else _timestamp_ms(record)


def _timestamp_ms(record: ConsumedRecord) -> int:
    return round(record.timestamp * 1000)


def _event_id(record: ConsumedRecord) -> str:
    """The event id of a record without a receipt: its place in the topic."""
    return f"{record.topic}/{record.partition}/{record.offset}@{_timestamp_ms(record)}"


def _decode(value: bytes | None, max_bytes: int) -> Any:  # noqa: ANN401
    if value is None:
        raise InvalidRecordError("record_not_object")
    if len(value) > max_bytes:
        raise InvalidRecordError("record_too_large")
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError:
        raise InvalidRecordError("json_invalid") from None
