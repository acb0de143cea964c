"""A lease per consumer group: one worker reads all partitions. Another fails to start, or takes over from a dead one.

Two readers would lose nothing, but would do all work twice and out of order.
"""

import asyncio
from secrets import token_hex
from time import monotonic

from rules.faults import CreditGateError
from store.broker.stream_log import StreamLog

_RETRY_INTERVAL_S = 0.25

_ACQUIRE = """
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""
_RELEASE = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"


class LeaseHeldError(CreditGateError, RuntimeError):
    """Another worker holds the lease of this group."""


class Lease:
    """The right to read for one group, renewed every few seconds under a token of its own; lasts ``ttl_seconds``."""

    def __init__(self, log: StreamLog, group: str, ttl_seconds: float) -> None:
        self.ttl_seconds = ttl_seconds
        self._log = log
        self._group = group
        self._key = log.key("lease", group)
        self._token = token_hex(16)
        self._valid_until = 0.0

    @property
    def is_held(self) -> bool:
        """Whether no other worker can hold the lease now, by this machine's clock."""
        return monotonic() < self._valid_until

    async def acquire(self) -> None:
        """Acquire the lease; waits until that of a dead holder would expire. Raises ``LeaseHeldError``."""
        deadline = monotonic() + self.ttl_seconds + 1
        while True:
            try:
                return await self.renew()
            except LeaseHeldError:
                if monotonic() > deadline:
                    raise
            await asyncio.sleep(_RETRY_INTERVAL_S)

    async def renew(self) -> None:
        """Extend the lease by ``ttl_seconds``, also after it has expired. Raises ``LeaseHeldError``."""
        sent_at = monotonic()  # before the server starts its clock, so that the lease never expires there first
        async with asyncio.timeout(self.ttl_seconds / 2):
            acquired = await self._log.command(
                "EVAL", _ACQUIRE, 1, self._key, self._token, round(self.ttl_seconds * 1000)
            )
        if not acquired:
            self._valid_until = 0.0
            raise LeaseHeldError(f"another worker reads group {self._group!r}: over rstream:// there can be only one")
        self._valid_until = sent_at + self.ttl_seconds

    async def release(self) -> None:
        """Release the lease if this worker still holds it, so that the next worker need not wait."""
        self._valid_until = 0.0
        await self._log.command("EVAL", _RELEASE, 1, self._key, self._token)
