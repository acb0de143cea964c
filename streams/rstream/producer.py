"""The producer: appends the records of agents in order and in batches."""

import asyncio
from collections.abc import Mapping, Sequence
from time import monotonic, time
from typing import Any, NamedTuple

from faust.transport.producer import Producer as FaustProducer
from faust.types import TP, RecordMetadata
from mode import Service

from store.broker.stream_entry import Record
from streams.rstream.outage import retry_during_outage

Headers = Mapping[str, bytes] | Sequence[tuple[str, bytes]]

_QUEUE_RECORDS = 10_000
"""When the queue is full, senders wait."""
_BATCH_RECORDS = 500
_DELIVERY_TIMEOUT_S = 120.0
"""How long a batch is retried: Kafka's default for delivery.timeout.ms."""
_STOP_GRACE_S = 0.5
"""How long stopping waits for pending records."""


class _PendingRecord(NamedTuple):
    record: Record
    partition: TP
    result: "asyncio.Future[Any]"


class Producer(FaustProducer):  # type: ignore[misc]
    """Appends in the order of ``send``; the future of each record gets its metadata or an error.

    During an outage a batch is retried for up to two minutes. A record that fails, or is pending when the producer
    stops, may have been appended all the same.
    """

    async def on_start(self) -> None:
        """Create the queue; the log connects with the first record."""
        await super().on_start()
        self._log = self.transport.log
        self._queue: asyncio.Queue[_PendingRecord] = asyncio.Queue(_QUEUE_RECORDS)
        self._pending: set[asyncio.Future[Any]] = set()
        self._grace_ends: float | None = None

    async def on_stop(self) -> None:
        """Wait a moment for pending records."""
        await self.flush()
        await super().on_stop()

    async def on_shutdown(self) -> None:
        """Fail the pending records, so that no sender waits for ever."""
        for result in list(self._pending):
            _settle(result, ConnectionError("the producer stopped before the record was known to be appended"))
        await self._log.close()

    async def send(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        partition: int | None,
        timestamp: float | None,
        headers: Headers | None,
        *,
        transactional_id: str | None = None,
    ) -> "asyncio.Future[Any]":
        """Queue a record, waiting while the queue is full; the future gets its ``RecordMetadata`` once appended."""
        if self._log.known_partition_count(topic) is None:
            await self.create_topic(topic, self.app.conf.topic_partitions, 1)
        tp = TP(topic, self._log.partition_for(topic, key) if partition is None else partition)
        pairs = headers.items() if isinstance(headers, Mapping) else headers or ()
        stamped = time() if timestamp is None else timestamp
        record = Record(topic, value, key, tuple(pairs), stamped, tp.partition)
        result = asyncio.get_running_loop().create_future()
        await self._queue.put(_PendingRecord(record, tp, result))
        # Only now: a sender that is cancelled while the queue is full leaves nothing behind.
        self._pending.add(result)
        result.add_done_callback(self._pending.discard)
        return result

    async def send_and_wait(self, *record: Any, **named: Any) -> RecordMetadata:  # noqa: ANN401
        """Send a record and wait until it is appended."""
        return await (await self.send(*record, **named))

    async def flush(self) -> None:
        """Wait until all records sent so far are settled; when the worker stops, only for a moment."""
        await self.buffer.flush()
        pending = set(self._pending)
        while pending and not self._grace_is_over():
            _, pending = await asyncio.wait(pending, timeout=0.1)

    def _grace_is_over(self) -> bool:
        if not (self.should_stop or self.app.should_stop):
            return False
        # One grace period for all flushes of a shutdown.
        self._grace_ends = self._grace_ends or monotonic() + _STOP_GRACE_S
        return monotonic() > self._grace_ends

    @Service.task  # type: ignore[untyped-decorator]
    async def _send_batches(self) -> None:
        while not self.should_stop:
            batch = [await self._queue.get()]
            while len(batch) < _BATCH_RECORDS and not self._queue.empty():
                batch.append(self._queue.get_nowait())
            await self._send_batch(batch)

    async def _send_batch(self, batch: list[_PendingRecord]) -> None:
        records = [pending.record for pending in batch]
        try:
            offsets = await retry_during_outage(self, lambda: self._log.append(records), "append", _DELIVERY_TIMEOUT_S)
        except Exception as error:
            for pending in batch:
                _settle(pending.result, error)
            return
        for (record, tp, result), offset in zip(batch, offsets, strict=True):
            _settle(result, RecordMetadata(*tp, tp, offset, record.timestamp, 0))

    async def create_topic(self, topic: str, partitions: int, replication: int, **_options: object) -> None:
        """Declare the topic. Replication does not apply, and retention is an option of the transport."""
        await retry_during_outage(
            self, lambda: self._log.declare_topic(topic, partitions), "declare", _DELIVERY_TIMEOUT_S
        )

    def key_partition(self, topic: str, key: bytes) -> TP:
        """The partition of a record with this key. Raises ``UnknownTopicError``."""
        return TP(topic, self._log.partition_for(topic, key))

    def supports_headers(self) -> bool:
        """Records carry headers."""
        return True


def _settle(result: "asyncio.Future[Any]", outcome: RecordMetadata | Exception) -> None:
    if result.done():
        return
    if isinstance(outcome, Exception):
        result.set_exception(outcome)
    else:
        result.set_result(outcome)
