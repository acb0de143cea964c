"""What happens to a feed record: judged, written to the ledger, then to the register."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import orjson
import structlog

from config.topics import ACCEPTED_HEADER, RECEIPT_HEADER
from register.ledger import Arrival, Ledger, RecordOutcome
from rules.admission import AdmissionDesk, Claim
from rules.calendar import civil_day, to_milliseconds
from rules.faults import InvalidRecord
from rules.feed_record import MAX_RECORD_BYTES
from streams.delivered import Delivered
from streams.metrics import FEED_DELAY, FEED_FAULTS, FEED_LAG, FEED_RECORDS, FEEDS_HELD, LAST_WRITE, RED_STRUCK
from streams.recovery import Recovery
from streams.retry import until_done

_RECEIPT = re.compile(rb"([a-zA-Z0-9_-]{1,40}):([0-9]{1,6})")
_log = structlog.get_logger("streams.feed")


class DeadLetters(Protocol):
    """Where records go that can never be applied."""

    async def send(self, record: Delivered, fault: InvalidRecord) -> None:
        """Keep the record with its fault; durable when it returns."""


@dataclass(frozen=True, slots=True)
class FeedRoad:
    """The road of feed records. ``clock`` gives the moment, with its zone."""

    desk: AdmissionDesk
    ledger: Ledger
    recovery: Recovery
    dead_letters: DeadLetters
    clock: Callable[[], datetime]

    async def carry(self, records: Sequence[Delivered]) -> None:
        """Bring records into ledger and register, in order. Returns only when all of it is done."""
        arrivals = [self._judge(record) for record in records]
        for record, arrival in zip(records, arrivals, strict=True):
            if isinstance(arrival.judged, InvalidRecord):
                fault = arrival.judged
                await until_done(lambda r=record, f=fault: self.dead_letters.send(r, f), "broker")  # type: ignore[misc]
        now = to_milliseconds(self.clock())
        recorded = await until_done(lambda: self.ledger.record(arrivals, now), "ledger")
        if recorded.changes:
            await until_done(lambda: self.recovery.apply(recorded.changes), "register")
        for authority, cause in recorded.opened.items():
            FEEDS_HELD.labels(authority, cause.value).inc()
            _log.error("feed_held", authority=authority, cause=cause.value)
        RED_STRUCK.inc(recorded.struck)
        self._count(arrivals, recorded.outcomes)

    def _judge(self, record: Delivered) -> Arrival:
        headers = dict(record.headers)
        sent = _RECEIPT.fullmatch(headers.get(RECEIPT_HEADER, b""))
        receipt = sent[1].decode() if sent else None
        arrived = round(record.timestamp * 1000)
        stamp = headers.get(ACCEPTED_HEADER, b"")
        accepted = int(stamp) if len(stamp) == 13 and stamp.isdigit() else arrived
        value: Any = None
        judged: Claim | InvalidRecord
        try:
            value = _decode(record.value)
            judged = self.desk.admit(
                value,
                today=civil_day(self.clock()),
                default_version=accepted,
            )
        except InvalidRecord as fault:
            judged = fault
        own_id = f"{record.topic}/{record.partition}/{record.offset}@{arrived}"
        return Arrival(
            event_id=sent[0].decode() if sent else own_id,
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            authority=self._known_authority(value),
            default_version=accepted,
            judged=judged,
            receipt_id=receipt,
            receipt_index=int(sent[2]) if sent else None,
        )

    def _known_authority(self, value: Any) -> str:  # noqa: ANN401
        code = value.get("authority") if isinstance(value, dict) else None
        return code if isinstance(code, str) and self.desk.departments.find(code) else "unknown"

    def _count(self, arrivals: Sequence[Arrival], outcomes: Sequence[RecordOutcome]) -> None:
        now = self.clock().timestamp()
        for arrival, outcome in zip(arrivals, outcomes, strict=True):
            FEED_RECORDS.labels(arrival.authority, outcome.value).inc()
            if isinstance(arrival.judged, InvalidRecord):
                FEED_FAULTS.labels(arrival.judged.code).inc()
                _log.warning(
                    "record_rejected",
                    code=arrival.judged.code,
                    path=arrival.judged.path,
                    authority=arrival.authority,
                    topic=arrival.topic,
                    partition=arrival.partition,
                    offset=arrival.offset,
                )
            elif outcome is RecordOutcome.APPLIED:
                FEED_DELAY.observe(max(0.0, now - arrival.default_version / 1000))
                if arrival.judged.operation == "list":
                    days = self.ledger.working_days_late(arrival.judged.record.determined_on, self.clock())
                    FEED_LAG.labels(arrival.authority).observe(days)
        LAST_WRITE.set(now)


def _decode(value: bytes | None) -> Any:  # noqa: ANN401
    if value is None:
        raise InvalidRecord("record_not_object")
    if len(value) > MAX_RECORD_BYTES:
        raise InvalidRecord("record_too_large")
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError:
        raise InvalidRecord("json_invalid") from None
