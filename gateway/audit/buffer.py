"""Decisions on their way to the ledger: buffered, sent in batches, never silently dropped.

    put ─▶ buffer ─▶ one message of up to 500 ─▶ topic credit.decisions
                └▶ no answer for half a second: a file in the spool ─▶ the topic, when the broker is back

A decision that can neither be buffered nor spooled is not made: the check answers 503. What a kill -9 can lose is
the buffer, at most the last moment of decisions that neither locked nor intercepted: 20 ms of them, or half a second
while the broker is away or says nothing.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from contextlib import ExitStack, suppress
from itertools import islice
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy.exc import SQLAlchemyError

from config import topics
from gateway.audit.spool import Spool
from gateway.metrics import AUDIT_SPOOLED, AUDIT_UNREADABLE, AUDIT_WAITING
from gateway.web.problems import ProblemError
from store.broker.publisher import BrokerUnavailableError, Message, MessageTooLargeError, Publisher
from store.ledger.decisions import DecisionEntry, decode_entries, encode_entries

_BATCH, _BATCH_BYTES = 500, 400_000
"""Of one message: below what brokers take."""
_FILE, _FILE_BYTES = 5_000, 8_000_000
_MOST = 50_000
_PERIOD = 0.02
_SPOOLING = 0.5
_FILES, _TURN = 20, 0.25
"""Spooled batches, and seconds, that are spent on what was spooled before new decisions have their turn again."""
_LONGEST_DELAY = 5.0
_log = structlog.get_logger("gateway.audit")


class AuditBuffer:
    """The buffer of one process. ``record`` writes into the ledger itself what no message can hold."""

    def __init__(
        self, publisher: Publisher, spool: Spool, record: Callable[[Sequence[DecisionEntry]], Awaitable[None]]
    ) -> None:
        self._publisher = publisher
        self._spool = spool
        self._record = record
        self._waiting: deque[DecisionEntry] = deque()
        self._gone = 0
        """Decisions that ever left the buffer: sender and spooler work on it at once, both from its old end."""

    def put(self, entry: DecisionEntry) -> None:
        """Put a decision on its way. Raises ``ProblemError`` 503 when there is no more room for it anywhere."""
        if len(self._waiting) >= _MOST:
            raise ProblemError("audit_unavailable")
        self._waiting.append(entry)

    @property
    def pending(self) -> tuple[DecisionEntry, ...]:
        """Decisions that are in memory only, the oldest first."""
        return tuple(self._waiting)

    async def keep_sending(self) -> None:
        """Send for as long as the process runs."""
        delay = _PERIOD
        while True:
            await asyncio.sleep(_PERIOD)
            try:
                await self._watched(self._send())
                delay = _PERIOD
            except BrokerUnavailableError:
                delay = min(delay * 2, _LONGEST_DELAY)
                _log.warning("audit_waits_for_broker", waiting=len(self._waiting), retry_in=delay)
                await self._spool_for(delay)
            except OSError as error:
                _log.error("spool_unusable", error=error.strerror or type(error).__name__)
                await asyncio.sleep(_SPOOLING)
            AUDIT_WAITING.set(len(self._waiting))

    async def flush(self) -> None:
        """Send everything that waits now. Raises ``BrokerUnavailableError``, keeping what was not sent."""
        end = self._gone + len(self._waiting)
        while self._gone < end:
            batch = _first(self._waiting, min(_BATCH, end - self._gone), _BATCH_BYTES)
            upto = self._gone + len(batch)
            await self._publish(batch)
            self._drop(upto)

    async def keep(self) -> None:
        """Put everything that waits now on the disk. Raises ``OSError``, keeping what was not written."""
        end = self._gone + len(self._waiting)
        while self._gone < end:
            batch = _first(self._waiting, _FILE, _FILE_BYTES)
            upto = self._gone + len(batch)
            await asyncio.to_thread(self._spool.keep, encode_entries(batch))
            AUDIT_SPOOLED.inc(len(batch))
            self._drop(upto)

    async def close(self, deadline: float) -> None:
        """Send what waits within so many seconds, or put it on the disk. Raises ``OSError``, keeping the rest."""
        with suppress(BrokerUnavailableError, TimeoutError):
            async with asyncio.timeout(deadline):
                await self._watched(self.flush())
        await self.keep()

    async def _send(self) -> None:
        await self.flush()
        await self._send_spooled()

    async def _watched(self, work: Coroutine[Any, Any, None]) -> None:
        """Do that; what comes to wait while it takes long is put on the disk meanwhile, sent or not."""
        task = asyncio.create_task(work)
        try:
            while not (await asyncio.wait([task], timeout=_SPOOLING))[0]:
                await self._try_to_keep()
            await task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _spool_for(self, seconds: float) -> None:
        """While the broker is away, nothing stays in memory for longer than a moment."""
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        while loop.time() < until:
            await self._try_to_keep()
            await asyncio.sleep(min(_SPOOLING, seconds))

    async def _try_to_keep(self) -> None:
        try:
            await self.keep()
        except OSError as error:
            _log.error("audit_not_spooled", error=error.strerror or type(error).__name__)

    async def _send_spooled(self) -> None:
        """A turn of what was spooled; a file that fails is left for later, and holds up no other."""
        loop = asyncio.get_running_loop()
        until = loop.time() + _TURN
        for _ in range(_FILES):
            path = await asyncio.to_thread(self._spool.next) if self._spool.may_have_more else None
            if path is None:
                return
            try:
                await self._send_file(path)
            except (MessageTooLargeError, OSError) as error:
                self._spool.put_off(path)
                _log.error("spooled_batch_not_sent", file=path.stem, error=type(error).__name__)
            if loop.time() > until:
                return

    async def _send_file(self, path: Path) -> None:
        with ExitStack() as stack:
            batch = await asyncio.to_thread(stack.enter_context, self._spool.taken(path))
            if batch is None:
                return
            entries = await asyncio.to_thread(decode_entries, batch)
            if entries is None:
                await asyncio.to_thread(self._spool.set_aside, path)
                AUDIT_UNREADABLE.inc()
                return
            for start in range(0, len(entries), _BATCH):
                await self._publish(entries[start : start + _BATCH])
            await asyncio.to_thread(self._spool.drop, path)

    async def _publish(self, batch: Sequence[DecisionEntry]) -> None:
        """Publish in as many messages as needed. Raises ``BrokerUnavailableError``, ``MessageTooLargeError``."""
        message = encode_entries(batch)
        if len(message) <= _BATCH_BYTES or len(batch) == 1:
            try:
                await self._publisher.publish(topics.DECISIONS, [Message(None, message)])
                return
            except MessageTooLargeError:
                if len(batch) == 1:
                    await self._put_in_ledger(batch)
                    return
        half = len(batch) // 2
        await self._publish(batch[:half])
        await self._publish(batch[half:])

    async def _put_in_ledger(self, batch: Sequence[DecisionEntry]) -> None:
        try:
            await self._record(batch)
        except (SQLAlchemyError, OSError) as error:
            raise MessageTooLargeError(type(error).__name__) from error

    def _drop(self, upto: int) -> None:
        """Those up to that number are sent, or on the disk."""
        while self._gone < upto:
            self._waiting.popleft()
            self._gone += 1


def _first(entries: Iterable[DecisionEntry], most: int, most_bytes: int) -> list[DecisionEntry]:
    """The first ones, about as much as that; one at least."""
    batch, size = list[DecisionEntry](), 0
    for entry in islice(entries, most):
        size += len(entry.detail)
        if batch and size > most_bytes:
            break
        batch.append(entry)
    return batch
