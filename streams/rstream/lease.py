"""At most one worker reads a group's partitions: the others refuse, or take over when it has died.

Two readers would lose nothing, but do everything twice and out of step.
"""

import asyncio
from secrets import token_hex
from time import monotonic

from rules.faults import CreditGateError
from store.broker.stream_log import StreamLog

_POLL = 0.25

_HOLD = """
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""
_RELEASE = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"


class LeaseHeldError(CreditGateError, RuntimeError):
    """Another worker reads this group."""


class Lease:
    """The right to read for one group, for ``seconds`` at a time under a token of its own."""

    def __init__(self, log: StreamLog, group: str, seconds: float) -> None:
        self.seconds = seconds
        self._log = log
        self._group = group
        self._key = log.key("lease", group)
        self._token = token_hex(16)
        self._until = 0.0

    @property
    def is_held(self) -> bool:
        """Whether no other worker can hold it now, by this machine's clock."""
        return monotonic() < self._until

    async def acquire(self) -> None:
        """Take the lease; waits as long as a dead holder's would last. Raises ``LeaseHeldError``."""
        deadline = monotonic() + self.seconds + 1
        while True:
            try:
                return await self.renew()
            except LeaseHeldError:
                if monotonic() > deadline:
                    raise
            await asyncio.sleep(_POLL)

    async def renew(self) -> None:
        """Hold it for another ``seconds``, also when it ran out meanwhile. Raises ``LeaseHeldError``."""
        asked = monotonic()  # before the server counts, so this side never believes in it for longer
        async with asyncio.timeout(self.seconds / 2):
            held = await self._log.ask("EVAL", _HOLD, 1, self._key, self._token, round(self.seconds * 1000))
        if not held:
            self._until = 0.0
            raise LeaseHeldError(f"another worker reads group {self._group!r}: over rstream:// there can be only one")
        self._until = asked + self.seconds

    async def release(self) -> None:
        """Give it back if it is still ours, so that the next worker need not wait."""
        self._until = 0.0
        await self._log.ask("EVAL", _RELEASE, 1, self._key, self._token)
