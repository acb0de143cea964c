"""The producer: what agents send, appended in order and in batches."""

import asyncio
from collections.abc import Mapping, Sequence
from time import monotonic, time
from typing import Any, NamedTuple

from faust.transport.producer import Producer as FaustProducer
from faust.types import TP, RecordMetadata
from mode import Service

from store.broker.stream_entry import Record
from streams.rstream.outage import through_outages

Headers = Mapping[str, bytes] | Sequence[tuple[str, bytes]]

_QUEUE = 10_000
"""Records that may wait to be sent; beyond that, senders wait."""
_BATCH = 500
_DELIVERY_LIMIT = 120.0
"""Seconds for which a batch is tried: Kafka's default for delivery.timeout.ms."""
_STOP_GRACE = 0.5
"""Seconds that stopping waits for records on their way."""


class _Sending(NamedTuple):
    record: Record
    place: TP
    sent: "asyncio.Future[Any]"


class Producer(FaustProducer):  # type: ignore[misc]
    """Appends in the order of ``send``; each future it gives ends with the offset or with an error.

    An outage is waited for, up to two minutes. What fails, or is on its way when the producer stops,
    may have been appended all the same.
    """

    async def on_start(self) -> None:
        """Make the queue; the log connects with the first record."""
        await super().on_start()
        self._log = self.transport.log
        self._waiting: asyncio.Queue[_Sending] = asyncio.Queue(_QUEUE)
        self._unsettled: set[asyncio.Future[Any]] = set()
        self._grace_ends: float | None = None

    async def on_stop(self) -> None:
        """Wait a moment for records on their way."""
        await self.flush()
        await super().on_stop()

    async def on_shutdown(self) -> None:
        """Fail what was not sent: nobody may wait for it any longer."""
        for sent in list(self._unsettled):
            _settle(sent, ConnectionError("the producer stopped before the record was known to be appended"))
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
        """Queue a record, waiting for room; the future gives its ``RecordMetadata`` once appended."""
        if self._log.known_partitions(topic) is None:
            await self.create_topic(topic, self.app.conf.topic_partitions, 1)
        place = TP(topic, self._log.partition_for(topic, key) if partition is None else partition)
        pairs = headers.items() if isinstance(headers, Mapping) else headers or ()
        moment = time() if timestamp is None else timestamp
        record = Record(topic, value, key, tuple(pairs), moment, place.partition)
        sent = asyncio.get_running_loop().create_future()
        await self._waiting.put(_Sending(record, place, sent))
        # Only now: a sender that is cancelled while it waits for room leaves nothing behind.
        self._unsettled.add(sent)
        sent.add_done_callback(self._unsettled.discard)
        return sent

    async def send_and_wait(self, *record: Any, **named: Any) -> RecordMetadata:  # noqa: ANN401
        """Send a record and wait until it is appended."""
        return await (await self.send(*record, **named))

    async def flush(self) -> None:
        """Wait until what was sent so far is settled; when the worker stops, only for a moment."""
        await self.buffer.flush()
        unsettled = set(self._unsettled)
        while unsettled and not self._out_of_grace():
            _, unsettled = await asyncio.wait(unsettled, timeout=0.1)

    def _out_of_grace(self) -> bool:
        if not (self.should_stop or self.app.should_stop):
            return False
        # One grace for all flushes of a shutdown.
        self._grace_ends = self._grace_ends or monotonic() + _STOP_GRACE
        return monotonic() > self._grace_ends

    @Service.task  # type: ignore[untyped-decorator]
    async def _send_batches(self) -> None:
        while not self.should_stop:
            batch = [await self._waiting.get()]
            while len(batch) < _BATCH and not self._waiting.empty():
                batch.append(self._waiting.get_nowait())
            await self._send_batch(batch)

    async def _send_batch(self, batch: list[_Sending]) -> None:
        records = [sending.record for sending in batch]
        try:
            offsets = await through_outages(self, lambda: self._log.append(records), "append", _DELIVERY_LIMIT)
        except Exception as error:
            for sending in batch:
                _settle(sending.sent, error)
            return
        for (record, place, sent), offset in zip(batch, offsets, strict=True):
            _settle(sent, RecordMetadata(*place, place, offset, record.timestamp, 0))

    async def create_topic(self, topic: str, partitions: int, replication: int, **_options: object) -> None:
        """Declare the topic; there is one copy of it, and retention is the transport's."""
        await through_outages(self, lambda: self._log.declare_topic(topic, partitions), "declare", _DELIVERY_LIMIT)

    def key_partition(self, topic: str, key: bytes) -> TP:
        """Where a record with this key goes. Raises ``UnknownTopicError``."""
        return TP(topic, self._log.partition_for(topic, key))

    def supports_headers(self) -> bool:
        """Records carry headers."""
        return True


def _settle(sent: "asyncio.Future[Any]", outcome: Any) -> None:  # noqa: ANN401
    if sent.done():
        return
    if isinstance(outcome, Exception):
        sent.set_exception(outcome)
    else:
        sent.set_result(outcome)
