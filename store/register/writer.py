"""Writes of the register: changes of listings, the worker heartbeat, loading and the swap of generations."""

from collections.abc import Sequence
from pathlib import Path
from uuid import uuid4

from redis.asyncio import Redis
from redis.exceptions import NoScriptError

from rules.faults import CreditGateError
from store.ledger.listing_row import RegisterChange
from store.register import keys as register_keys

_APPLY = (Path(__file__).parent / "apply.lua").read_text()
_SWAP = (Path(__file__).parent / "swap.lua").read_text()
_HEARTBEAT = """
local time = redis.call('TIME')
redis.call('HSET', KEYS[1], 'beat', string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000)))
"""
_CHANGES_PER_CALL = 50
"""Few calls, and none that blocks the look-ups of checks for long."""


class RegisterNotLoadedError(CreditGateError):
    """The register has lost its content or never had any; load it from the ledger first."""


class RegisterWriter:
    """Applies changes atomically; an older version never wins, and applying twice changes nothing."""

    def __init__(self, redis: "Redis") -> None:
        self._redis = redis
        self._script_sha: str | None = None

    async def apply(self, changes: Sequence[RegisterChange], *, building_only: bool = False) -> list[int]:
        """Apply changes in order; with ``building_only`` only to the generation that a rebuild fills.

        Returns the sequence of each change, 0 where this or a later version is stored. Raises
        ``RegisterNotLoadedError``, having applied nothing lasting, and ``RedisError`` when Redis is unavailable.
        """
        if self._script_sha is None:
            self._script_sha = await self._redis.script_load(_APPLY)
        keys, flag = (register_keys.METADATA, register_keys.CHANGE_LOG), "1" if building_only else ""
        pipeline = self._redis.pipeline(transaction=False)
        for start in range(0, len(changes), _CHANGES_PER_CALL):
            page = changes[start : start + _CHANGES_PER_CALL]
            pipeline.evalsha(
                self._script_sha, len(keys), *keys, flag, *(part for it in page for part in _arguments(it))
            )
        try:
            answers: list[list[int] | int] = await pipeline.execute()
        except NoScriptError:
            self._script_sha = None
            return await self.apply(changes, building_only=building_only)
        sequences: list[int] = []
        for answer in answers:
            if isinstance(answer, int):
                raise RegisterNotLoadedError
            sequences += answer
        return sequences

    async def heartbeat(self) -> None:
        """Record that a worker keeps the register current: all that was received is applied or in quarantine.

        By the clock of Redis, so that the clocks of workers and gateways need not agree.
        """
        await self._redis.eval(_HEARTBEAT, 1, register_keys.METADATA)

    async def is_loaded(self) -> bool:
        """Whether the register is loaded."""
        return bool(await self._redis.hexists(register_keys.METADATA, "epoch"))

    async def highest_ledger_id(self) -> int:
        """The highest ledger id that was ever applied."""
        return int(await self._redis.hget(register_keys.METADATA, "ledger_id") or 0)

    async def begin_loading(self) -> None:
        """Accept changes while the register is being loaded; readers still get "not loaded"."""
        await self._redis.hset(register_keys.METADATA, "loading", "1")

    async def finish_loading(self) -> None:
        """Declare the register loaded; under a new epoch unless it was loaded before."""
        async with self._redis.pipeline(transaction=True) as pipeline:
            pipeline.hsetnx(register_keys.METADATA, "epoch", uuid4().hex)
            pipeline.hdel(register_keys.METADATA, "loading")
            pipeline.eval(_HEARTBEAT, 1, register_keys.METADATA)
            await pipeline.execute()

    async def swap_in(self, generation: str) -> None:
        """Put a rebuilt generation in force atomically. Raises ``RegisterNotLoadedError`` if it is missing."""
        if not await self._redis.eval(_SWAP, 2, register_keys.METADATA, register_keys.CHANGE_LOG, generation):
            raise RegisterNotLoadedError


def _arguments(change: RegisterChange) -> tuple[str | bytes, ...]:
    return f"{change.version:016d}", change.key, " ".join(change.places), change.listing
