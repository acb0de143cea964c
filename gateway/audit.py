"""Decisions on their way to the ledger: buffered, sent in batches, never silently dropped.

    put ─▶ buffer ─▶ one message of up to 500 ─▶ topic credit.decisions
                └▶ broker away: a file in the spool ─▶ the topic, when it is back

A decision that can neither be buffered nor spooled is not made: the check answers 503. What a kill -9 can lose is
the buffer, at most the last 50 ms of decisions that neither locked nor intercepted.
"""

import asyncio
import os
from collections import deque
from pathlib import Path
from uuid import uuid4

import structlog

from config import topics
from gateway.metrics import AUDIT_SPOOLED, AUDIT_WAITING
from gateway.problems import Problem
from register.decisions import DecisionEntry, decode_entries, encode_entries
from register.publisher import BrokerUnavailable, Message, Publisher

_BATCH = 500
_MOST = 50_000
_PERIOD = 0.05
_LONGEST_DELAY = 5.0
_SPOOL_BYTES = 1024 * 1024 * 1024
_log = structlog.get_logger("gateway.audit")


class Spool:
    """Batches on the disk of this machine, in the order in which they were made."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, batch: bytes) -> None:
        """Write a batch; it is on the disk when this returns. Raises ``OSError``."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if sum(path.stat().st_size for path in self._folder.iterdir()) > _SPOOL_BYTES:
            raise OSError("the spool is full")
        number = f"{asyncio.get_running_loop().time():020.6f}-{uuid4().hex}"
        part, path = self._folder / f"{number}.part", self._folder / f"{number}.decisions"
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(batch)
            file.flush()
            os.fsync(file.fileno())
        part.rename(path)

    def waiting(self) -> list[Path]:
        """The batches, oldest first; also those of a process that ended before the broker was back."""
        return sorted(self._folder.glob("*.decisions")) if self._folder.is_dir() else []


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
            AUDIT_WAITING.set(len(self._waiting))

    async def flush(self) -> None:
        """Send everything that waits. Raises ``BrokerUnavailable``, keeping what was not sent."""
        while self._waiting:
            batch = self._next()
            await self._publisher.publish(topics.DECISIONS, [Message(None, encode_entries(batch))])
            self._drop(len(batch))

    def keep(self) -> None:
        """Put everything that waits on the disk. Raises ``OSError``, keeping what was not written."""
        while self._waiting:
            batch = self._next()
            self._spool.keep(encode_entries(batch))
            AUDIT_SPOOLED.inc(len(batch))
            self._drop(len(batch))

    async def close(self, deadline: float) -> None:
        """Send what waits within so many seconds, or put it on the disk. Raises ``OSError``, keeping the rest."""
        try:
            async with asyncio.timeout(deadline):
                await self.flush()
        except (BrokerUnavailable, TimeoutError):
            self.keep()

    async def _spool_for(self, seconds: float) -> None:
        """While the broker is away, nothing stays in memory for longer than a moment."""
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        while loop.time() < until:
            try:
                self.keep()
            except OSError as error:
                _log.error("audit_not_spooled", error=error.strerror or type(error).__name__)
            await asyncio.sleep(_PERIOD)

    async def _send_spooled(self) -> None:
        for path in self._spool.waiting():
            try:
                batch = path.read_bytes()
            except FileNotFoundError:
                continue  # another process of this machine sends it
            if decode_entries(batch) is not None:
                await self._publisher.publish(topics.DECISIONS, [Message(None, batch)])
            path.unlink(missing_ok=True)

    def _next(self) -> list[DecisionEntry]:
        return [self._waiting[index] for index in range(min(_BATCH, len(self._waiting)))]

    def _drop(self, count: int) -> None:
        for _ in range(count):
            self._waiting.popleft()
