"""Decisions on their way to the ledger: buffered, sent in batches, never silently dropped.

A decision that can no longer be buffered is not made: the check answers 503. What a kill -9 can lose
is the buffer, at most the last batch of decisions that neither locked nor intercepted.
"""

import asyncio
from collections import deque

import msgspec
import structlog

from config import topics
from gateway.metrics import AUDIT_WAITING
from gateway.problems import Problem
from register.decisions import DecisionEntry
from register.publisher import BrokerUnavailable, Message, Publisher

_BATCH = 500
_MOST = 50_000
_PERIOD = 0.05
_LONGEST_DELAY = 5.0
_log = structlog.get_logger("gateway.audit")


class Audit:
    """The buffer of one process."""

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher
        self._waiting: deque[bytes] = deque()

    def put(self, entry: DecisionEntry) -> None:
        """Put a decision on its way. Raises ``Problem`` 503 when the broker has been away too long."""
        if len(self._waiting) >= _MOST:
            raise Problem("audit_unavailable")
        self._waiting.append(msgspec.json.encode(entry))

    async def keep_sending(self) -> None:
        """Send for as long as the process runs."""
        delay = _PERIOD
        while True:
            await asyncio.sleep(delay)
            try:
                await self.flush()
                delay = _PERIOD
            except BrokerUnavailable:
                delay = min(delay * 2, _LONGEST_DELAY)
                _log.warning("audit_waits_for_broker", waiting=len(self._waiting), retry_in=delay)
            AUDIT_WAITING.set(len(self._waiting))

    async def flush(self) -> None:
        """Send everything that waits. Raises ``BrokerUnavailable``, keeping what was not sent."""
        while self._waiting:
            batch = [self._waiting[index] for index in range(min(_BATCH, len(self._waiting)))]
            await self._publisher.publish(topics.DECISIONS, [Message(None, value) for value in batch])
            for _ in batch:
                self._waiting.popleft()
