"""Decisions on their way to the ledger: buffered, sent in batches, never silently dropped.

    put ─▶ buffer ─▶ one message of up to 500 ─▶ topic credit.decisions
                └▶ broker away: a file in the spool ─▶ the topic, when it is back

A decision that can neither be buffered nor spooled is not made: the check answers 503. What a kill -9 can lose is
the buffer, at most the last moment of decisions that neither locked nor intercepted: 50 ms of them, or what came in
the half second for which an outage of the broker is given, and then in each half second of it.
"""

import asyncio
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import islice

import structlog

from config import topics
from gateway.metrics import AUDIT_SPOOLED, AUDIT_WAITING
from gateway.problems import Problem
from gateway.spool import Spool
from register.decisions import DecisionEntry, decode_entries, encode_entries
from register.publisher import BrokerUnavailable, Message, Publisher

_BATCH = 500
_BATCH_BYTES = 400_000
"""Below what brokers take as one message."""
_MOST = 50_000
_PERIOD = 0.05
_SPOOLING = 0.5
_SPOOLED_AT_ONCE = 5_000
_FILES = 20
"""Spooled batches that are sent before new decisions have their turn again."""
_LONGEST_DELAY = 5.0
_log = structlog.get_logger("gateway.audit")


class Audit:
    """The buffer of one process."""

    def __init__(self, publisher: Publisher, spool: Spool) -> None:
        self._publisher = publisher
        self._spool = spool
        self._waiting: deque[DecisionEntry] = deque()

    def put(self, entry: DecisionEntry) -> None:
        """Put a decision on its way. Raises ``Problem`` 503 when there is no more room for it anywhere."""
        if len(self._waiting) >= _MOST:
            raise Problem("audit_unavailable")
        self._waiting.append(entry)

    async def keep_sending(self) -> None:
        """Send for as long as the process runs."""
        delay = _PERIOD
        while True:
            await asyncio.sleep(_PERIOD)
            try:
                await self.flush()
                await self._send_spooled()
                delay = _PERIOD
            except BrokerUnavailable:
                delay = min(delay * 2, _LONGEST_DELAY)
                _log.warning("audit_waits_for_broker", waiting=len(self._waiting), retry_in=delay)
                await self._spool_for(delay)
            except OSError as error:
                _log.error("spool_unusable", error=error.strerror or type(error).__name__)
                await asyncio.sleep(_SPOOLING)
            AUDIT_WAITING.set(len(self._waiting))

    async def flush(self) -> None:
        """Send everything that waits. Raises ``BrokerUnavailable``, keeping what was not sent."""
        while self._waiting:
            batch = next(_cut(self._waiting))
            await self._publish(batch)
            self._drop(len(batch))

    async def keep(self) -> None:
        """Put everything that waits on the disk. Raises ``OSError``, keeping what was not written."""
        while self._waiting:
            batch = list(islice(self._waiting, _SPOOLED_AT_ONCE))
            await asyncio.to_thread(self._spool.keep, encode_entries(batch))
            AUDIT_SPOOLED.inc(len(batch))
            self._drop(len(batch))

    async def close(self, deadline: float) -> None:
        """Send what waits within so many seconds, or put it on the disk. Raises ``OSError``, keeping the rest."""
        try:
            async with asyncio.timeout(deadline):
                await self.flush()
        except (BrokerUnavailable, TimeoutError):
            await self.keep()

    async def _publish(self, batch: Sequence[DecisionEntry]) -> None:
        await self._publisher.publish(topics.DECISIONS, [Message(None, encode_entries(batch))])

    async def _spool_for(self, seconds: float) -> None:
        """While the broker is away, nothing stays in memory for longer than a moment."""
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        while loop.time() < until:
            try:
                await self.keep()
            except OSError as error:
                _log.error("audit_not_spooled", error=error.strerror or type(error).__name__)
            await asyncio.sleep(min(_SPOOLING, seconds))

    async def _send_spooled(self) -> None:
        for path in await asyncio.to_thread(self._spool.waiting, _FILES):
            with self._spool.taken(path) as batch:
                if batch is None:
                    continue
                entries = decode_entries(batch)
                if entries is None:
                    self._spool.set_aside(path)
                    continue
                for part in _cut(entries):
                    await self._publish(part)
                self._spool.drop(path)

    def _drop(self, count: int) -> None:
        for _ in range(count):
            self._waiting.popleft()


def _cut(entries: Sequence[DecisionEntry] | deque[DecisionEntry]) -> Iterator[list[DecisionEntry]]:
    """Batches that a broker takes, in order; a decision that alone is larger is one."""
    batch, size = list[DecisionEntry](), 0
    for entry in entries:
        if batch and (len(batch) == _BATCH or size + len(entry.detail) > _BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(entry)
        size += len(entry.detail)
    if batch:
        yield batch
