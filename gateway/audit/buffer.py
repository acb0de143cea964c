"""The audit buffer: decisions wait in memory, are sent in batches, and are spooled while the broker is unavailable.

A decision that can neither be buffered nor spooled is not made: the check answers 503. A ``kill -9`` loses at most the
buffer: the decisions of the last 20 ms, or of the last half second while the broker does not answer. None of them locks
or intercepts: those are in the ledger before they are answered.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from contextlib import ExitStack, suppress
from itertools import islice
from pathlib import Path
from typing import Any

import structlog

from gateway.audit.messages import MESSAGE_BYTES, MESSAGE_ENTRIES, DecisionPublisher
from gateway.audit.spool import Spool
from gateway.metrics import AUDIT_SPOOLED, AUDIT_UNREADABLE, AUDIT_WAITING
from gateway.web.problems import ProblemError
from store.broker.publisher import BrokerUnavailableError, MessageTooLargeError, Publisher
from store.ledger.decisions import DecisionEntry, decode_entries, encode_entries

_MAX_BUFFERED_ENTRIES = 50_000
_FILE_ENTRIES, _FILE_BYTES = 5_000, 8_000_000
_FLUSH_INTERVAL_S = 0.02
_SPOOL_AFTER_S = 0.5
"""What has waited for so long is written to the spool."""
_SPOOL_TURN_FILES, _SPOOL_TURN_S = 20, 0.25
"""Spooled files, and time, that are sent before new decisions are flushed again."""
_MAX_RETRY_DELAY_S = 5.0
_log = structlog.get_logger("gateway.audit")


class AuditBuffer:
    """The buffer of one process. ``record`` writes a decision that no message can hold into the ledger itself."""

    def __init__(
        self, publisher: Publisher, spool: Spool, record: Callable[[Sequence[DecisionEntry]], Awaitable[None]]
    ) -> None:
        self._publisher = DecisionPublisher(publisher, record)
        self._spool = spool
        self._queue: deque[DecisionEntry] = deque()
        self._removed = 0
        """Entries that ever left the queue. Flushing and spooling run concurrently and both remove the oldest entries;
        from this number each knows which of its own entries the other has removed."""

    def put(self, entry: DecisionEntry) -> None:
        """Queue a decision. Raises ``ProblemError`` 503 when the buffer is full."""
        if len(self._queue) >= _MAX_BUFFERED_ENTRIES:
            raise ProblemError("audit_unavailable")
        self._queue.append(entry)

    @property
    def pending(self) -> tuple[DecisionEntry, ...]:
        """Decisions that are in memory only, the oldest first."""
        return tuple(self._queue)

    async def keep_sending(self) -> None:
        """Send for as long as the process runs."""
        delay_s = _FLUSH_INTERVAL_S
        while True:
            await asyncio.sleep(_FLUSH_INTERVAL_S)
            try:
                await self._spooling_while_slow(self._send())
                delay_s = _FLUSH_INTERVAL_S
            except BrokerUnavailableError:
                delay_s = min(delay_s * 2, _MAX_RETRY_DELAY_S)
                _log.warning("audit_waits_for_broker", waiting=len(self._queue), retry_in=delay_s)
                await self._spool_for(delay_s)
            except OSError as error:
                _log.error("spool_unusable", error=error.strerror or type(error).__name__)
                await asyncio.sleep(_SPOOL_AFTER_S)
            AUDIT_WAITING.set(len(self._queue))

    async def flush(self) -> None:
        """Send all that is queued now. Raises ``BrokerUnavailableError``; what was not sent stays queued."""
        end = self._removed + len(self._queue)
        while self._removed < end:
            batch = _first(self._queue, min(MESSAGE_ENTRIES, end - self._removed), MESSAGE_BYTES)
            batch_end = self._removed + len(batch)
            await self._publisher.publish(batch)
            self._remove_up_to(batch_end)

    async def spool_all(self) -> None:
        """Write all that is queued now to the spool. Raises ``OSError``; what was not written stays queued."""
        end = self._removed + len(self._queue)
        while self._removed < end:
            batch = _first(self._queue, _FILE_ENTRIES, _FILE_BYTES)
            batch_end = self._removed + len(batch)
            await asyncio.to_thread(self._spool.write, encode_entries(batch))
            AUDIT_SPOOLED.inc(len(batch))
            self._remove_up_to(batch_end)

    async def close(self, deadline_s: float) -> None:
        """Send all within the deadline and spool the rest. Raises ``OSError``; what was not written stays queued."""
        with suppress(BrokerUnavailableError, TimeoutError):
            async with asyncio.timeout(deadline_s):
                await self._spooling_while_slow(self.flush())
        await self.spool_all()

    async def _send(self) -> None:
        await self.flush()
        await self._send_spooled()

    async def _spooling_while_slow(self, work: Coroutine[Any, Any, None]) -> None:
        """Await ``work``; each half second that it takes, spool what is queued, including what is being sent.

        A decision may so be sent twice; the ledger records it once.
        """
        task = asyncio.create_task(work)
        try:
            while not (await asyncio.wait([task], timeout=_SPOOL_AFTER_S))[0]:
                await self._try_to_spool()
            await task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _spool_for(self, seconds: float) -> None:
        """Spool what is queued, for so long, while the broker is unavailable."""
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while loop.time() < end:
            await self._try_to_spool()
            await asyncio.sleep(min(_SPOOL_AFTER_S, seconds))

    async def _try_to_spool(self) -> None:
        try:
            await self.spool_all()
        except OSError as error:
            _log.error("audit_not_spooled", error=error.strerror or type(error).__name__)

    async def _send_spooled(self) -> None:
        """Send some spooled files; one that fails is postponed, so that it does not block the others."""
        loop = asyncio.get_running_loop()
        end = loop.time() + _SPOOL_TURN_S
        for _ in range(_SPOOL_TURN_FILES):
            path = await asyncio.to_thread(self._spool.next_file) if self._spool.may_have_more else None
            if path is None:
                return
            try:
                await self._send_file(path)
            except (MessageTooLargeError, OSError) as error:
                self._spool.postpone(path)
                _log.error("spooled_batch_not_sent", file=path.stem, error=type(error).__name__)
            if loop.time() > end:
                return

    async def _send_file(self, path: Path) -> None:
        with ExitStack() as stack:
            batch = await asyncio.to_thread(stack.enter_context, self._spool.locked(path))
            if batch is None:
                return
            entries = await asyncio.to_thread(decode_entries, batch)
            if entries is None:
                await asyncio.to_thread(self._spool.set_aside, path)
                AUDIT_UNREADABLE.inc()
                return
            for start in range(0, len(entries), MESSAGE_ENTRIES):
                await self._publisher.publish(entries[start : start + MESSAGE_ENTRIES])
            await asyncio.to_thread(self._spool.remove, path)

    def _remove_up_to(self, end: int) -> None:
        """Remove the entries before number ``end``: they are sent or spooled."""
        while self._removed < end:
            self._queue.popleft()
            self._removed += 1


def _first(entries: Iterable[DecisionEntry], max_entries: int, max_bytes: int) -> list[DecisionEntry]:
    """The first entries, at most so many and about so many bytes; one at least."""
    batch, size = list[DecisionEntry](), 0
    for entry in islice(entries, max_entries):
        size += len(entry.detail)
        if batch and size > max_bytes:
            break
        batch.append(entry)
    return batch
