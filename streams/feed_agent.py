"""Process feed records: validate, write to the ledger, apply to the register."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import structlog

from rules.calendar import to_milliseconds
from rules.faults import InvalidRecordError
from store.ledger.feed_event_rows import ReceivedRecord, RecordOutcome
from store.ledger.feed_events import FeedEventStore
from streams.consumed_record import ConsumedRecord
from streams.metrics import FEED_DELAY, FEED_FAULTS, FEED_LAG, FEED_RECORDS, FEEDS_HELD, LAST_WRITE, RED_EXCLUDED
from streams.recovery import RegisterRecovery
from streams.retry import retry_outages
from streams.validation import MessageValidator

_log = structlog.get_logger("streams.feed")


class DeadLetters(Protocol):
    """Keeps records that can never be applied."""

    async def send(self, record: ConsumedRecord, fault: InvalidRecordError) -> None:
        """Keep the record with its fault; durable when it returns."""


@dataclass(frozen=True, slots=True)
class FeedProcessor:
    """From messages of one kind to the register. ``clock`` gives the time with its zone."""

    validator: MessageValidator
    ledger: FeedEventStore
    recovery: RegisterRecovery
    dead_letters: DeadLetters
    clock: Callable[[], datetime]

    async def process(self, records: Sequence[ConsumedRecord]) -> None:
        """Write records to ledger and register, in order. Returns only when all of it is done."""
        arrivals = [arrival for record in records for arrival in await self._validate(record)]
        if not arrivals:
            return
        recorded = await retry_outages("ledger", self.ledger.record, arrivals, to_milliseconds(self.clock()))
        if recorded.changes:
            await retry_outages("register", self.recovery.apply, recorded.changes)
        await self.recovery.hide_locks(recorded.lifted)
        for authority, cause in recorded.opened.items():
            FEEDS_HELD.labels(authority, cause.value).inc()
            _log.error("feed_quarantined", authority=authority, cause=cause.value)
        RED_EXCLUDED.inc(recorded.excluded)
        self._measure(arrivals, recorded.outcomes)

    async def _validate(self, record: ConsumedRecord) -> list[ReceivedRecord]:
        """The arrivals in a message; the message goes to the dead letters with the first fault of any."""
        arrivals = self.validator.arrivals(record)
        faults = [arrival.validated for arrival in arrivals if isinstance(arrival.validated, InvalidRecordError)]
        if faults:
            await retry_outages("broker", self.dead_letters.send, record, faults[0])
        return arrivals

    def _measure(self, arrivals: Sequence[ReceivedRecord], outcomes: Sequence[RecordOutcome]) -> None:
        """Count records by outcome; log rejected ones, measure the delay of applied ones."""
        now = self.clock().timestamp()
        for arrival, outcome in zip(arrivals, outcomes, strict=True):
            FEED_RECORDS.labels(arrival.authority, outcome.value).inc()
            if isinstance(arrival.validated, InvalidRecordError):
                FEED_FAULTS.labels(arrival.validated.code).inc()
                _log_rejected(arrival, arrival.validated)
            elif outcome is RecordOutcome.APPLIED:
                FEED_DELAY.observe(max(0.0, now - arrival.default_version / 1000))
                if arrival.validated.operation == "list":
                    days = self.ledger.working_days_late(arrival.validated.record.determined_on, self.clock())
                    FEED_LAG.labels(arrival.authority).observe(days)
        LAST_WRITE.set(now)


def _log_rejected(arrival: ReceivedRecord, fault: InvalidRecordError) -> None:
    _log.warning(
        "record_rejected",
        code=fault.code,
        path=fault.path,
        authority=arrival.authority,
        topic=arrival.topic,
        partition=arrival.partition,
        offset=arrival.offset,
    )
