"""What happens to a feed record: judged, written to the ledger, then to the register."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import structlog

from rules.calendar import to_milliseconds
from rules.faults import InvalidRecordError
from store.ledger.feed_event_rows import ReceivedRecord, RecordOutcome
from store.ledger.feed_events import FeedEventStore
from streams.delivered import Delivered
from streams.judging import Judge
from streams.metrics import FEED_DELAY, FEED_FAULTS, FEED_LAG, FEED_RECORDS, FEEDS_HELD, LAST_WRITE, RED_STRUCK
from streams.recovery import Recovery
from streams.retry import until_done

_log = structlog.get_logger("streams.feed")


class DeadLetters(Protocol):
    """Where records go that can never be applied."""

    async def send(self, record: Delivered, fault: InvalidRecordError) -> None:
        """Keep the record with its fault; durable when it returns."""


@dataclass(frozen=True, slots=True)
class FeedProcessor:
    """The road of feed records, whatever they came as. ``clock`` gives the moment, with its zone."""

    judge: Judge
    ledger: FeedEventStore
    recovery: Recovery
    dead_letters: DeadLetters
    clock: Callable[[], datetime]

    async def carry(self, records: Sequence[Delivered]) -> None:
        """Bring records into ledger and register, in order. Returns only when all of it is done."""
        arrivals: list[ReceivedRecord] = []
        for record in records:
            found = self.judge.arrivals(record)
            arrivals += found
            faults = [arrival.judged for arrival in found if isinstance(arrival.judged, InvalidRecordError)]
            for fault in faults[:1]:
                await until_done(lambda r=record, f=fault: self.dead_letters.send(r, f), "broker")  # type: ignore[misc]
        if not arrivals:
            return
        now = to_milliseconds(self.clock())
        recorded = await until_done(lambda: self.ledger.record(arrivals, now), "ledger")
        if recorded.changes:
            await until_done(lambda: self.recovery.apply(recorded.changes), "register")
        await self.recovery.hide(recorded.lifted)
        for authority, cause in recorded.opened.items():
            FEEDS_HELD.labels(authority, cause.value).inc()
            _log.error("feed_held", authority=authority, cause=cause.value)
        RED_STRUCK.inc(recorded.excluded)
        self._count(arrivals, recorded.outcomes)

    def _count(self, arrivals: Sequence[ReceivedRecord], outcomes: Sequence[RecordOutcome]) -> None:
        now = self.clock().timestamp()
        for arrival, outcome in zip(arrivals, outcomes, strict=True):
            FEED_RECORDS.labels(arrival.authority, outcome.value).inc()
            if isinstance(arrival.judged, InvalidRecordError):
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
