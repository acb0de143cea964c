"""Bring what listings have come to into the register. The stream's worker is its user, and the rebuild."""

from collections.abc import Sequence
from pathlib import Path
from uuid import uuid4

from redis.asyncio import Redis
from redis.exceptions import NoScriptError, ResponseError

from rules.faults import CreditGateError
from store.ledger.listing_row import RegisterChange
from store.register import keys as register_keys

_SCRIPT = (Path(__file__).parent / "apply.lua").read_text()
_AT_ONCE = 50
"""Changes in one call: fewer calls, and none that keeps a check waiting for long."""
_BEAT = """
local time = redis.call('TIME')
redis.call('HSET', KEYS[1], 'beat', string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000)))
"""
_SWAP = (Path(__file__).parent / "swap.lua").read_text()


class RegisterNotLoadedError(CreditGateError):
    """The register has lost its content, or never had any: rebuild it from the ledger first."""


class RegisterWriter:
    """Applies changes atomically; an older version never wins, and applying twice changes nothing."""

    def __init__(self, redis: "Redis") -> None:
        self._redis = redis
        self._sha: str | None = None

    async def apply(self, changes: Sequence[RegisterChange], *, aside: bool = False) -> list[int]:
        """Apply changes in order; with ``aside`` only to the generation that is being built.

        Returns for each the sequence of its change, 0 where a later version stands. Raises
        ``RegisterNotLoadedError``, having applied nothing lasting, and ``RedisError`` when Redis is away.
        """
        if self._sha is None:
            self._sha = await self._redis.script_load(_SCRIPT)
        pipeline = self._redis.pipeline(transaction=False)
        for start in range(0, len(changes), _AT_ONCE):
            arguments = [part for change in changes[start : start + _AT_ONCE] for part in _arguments(change)]
            pipeline.evalsha(
                self._sha, 2, register_keys.MARKER, register_keys.CHANGES, "1" if aside else "", *arguments
            )
        try:
            answers: list[list[int] | int] = await pipeline.execute()
        except (NoScriptError, ResponseError) as error:
            if "NOSCRIPT" not in str(error) and not isinstance(error, NoScriptError):
                raise
            self._sha = None
            return await self.apply(changes, aside=aside)
        sequences: list[int] = []
        for answer in answers:
            if isinstance(answer, int):
                raise RegisterNotLoadedError
            sequences += answer
        return sequences

    async def beat(self) -> None:
        """Say that the register is kept up: whatever was received until now is in it, or held back by a fault.

        By the clock of Redis, so that the clocks of workers and gateways need not agree.
        """
        await self._redis.eval(_BEAT, 1, register_keys.MARKER)

    async def is_loaded(self) -> bool:
        """Whether the register is whole."""
        return bool(await self._redis.hexists(register_keys.MARKER, "epoch"))

    async def ledger_mark(self) -> int:
        """The highest ledger id that was ever applied."""
        return int(await self._redis.hget(register_keys.MARKER, "ledger_id") or 0)

    async def begin_loading(self) -> None:
        """Let changes in while the register is not yet whole; readers still get "not loaded"."""
        await self._redis.hset(register_keys.MARKER, "loading", "1")

    async def swap_in(self, generation: str) -> None:
        """Put a rebuilt generation in force atomically. Raises ``RegisterNotLoadedError`` if it is missing."""
        if not await self._redis.eval(_SWAP, 2, register_keys.MARKER, register_keys.CHANGES, generation):
            raise RegisterNotLoadedError

    async def finish_loading(self) -> None:
        """Declare the register whole; under a new epoch when it was not before."""
        async with self._redis.pipeline(transaction=True) as pipeline:
            pipeline.hsetnx(register_keys.MARKER, "epoch", uuid4().hex)
            pipeline.hdel(register_keys.MARKER, "loading")
            pipeline.eval(_BEAT, 1, register_keys.MARKER)
            await pipeline.execute()


def _arguments(change: RegisterChange) -> tuple[str | bytes, ...]:
    return f"{change.version:016d}", change.key, " ".join(change.places), change.listing
