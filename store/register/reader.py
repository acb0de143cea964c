"""Look-ups in the register: one round trip under a deadline.

An empty result means "not listed": it comes only from a loaded register that was fed. In every other case the result
is unknown, and ``RegisterUnavailableError`` says why.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from msgspec import Struct
from redis.asyncio import Redis
from redis.exceptions import RedisError

from rules.faults import CreditGateError
from rules.listings.listing import Listing, decode_listing
from store.register import keys as register_keys
from store.register.metadata import FIELDS, RegisterMetadata, last_sequence, parse_metadata

CAUSES = ("register_not_loaded", "register_empty", "register_unreachable")
"""Why the register cannot answer. Empty: loaded but never fed, so a key without a listing proves nothing."""


class RegisterUnavailableError(CreditGateError):
    """The register cannot answer; ``code`` is one of ``CAUSES``."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class RegisterState(Struct, frozen=True, gc=False):
    """How much the register holds and how current it is."""

    epoch: str
    sequence: int
    listings: int
    applied: int
    age_ms: int | None = None
    """Milliseconds since the last worker heartbeat; None: there was none."""
    heard_ms: int = 0
    """Milliseconds since the last answer of Redis; 0 when this state was read from Redis."""


@dataclass(frozen=True, slots=True)
class LookUp:
    """Listings by requested key, lock ids by requested target, and the state they were read at."""

    listings: dict[str, list[Listing]]
    locks: dict[str, str]
    state: RegisterState
    from_cache: bool = False
    """Whether the listings come from the cache: read earlier, no change received since."""


class RegisterReader:
    """Reads of one process. ``deadline`` is seconds for a whole look-up."""

    def __init__(self, redis: "Redis", deadline: float) -> None:
        self._redis = redis
        self._deadline = deadline
        self._generation = register_keys.FIRST_GENERATION

    async def look_up(self, keys: Sequence[str], lock_targets: Sequence[str] = ()) -> LookUp:
        """All listings filed under those keys, and the locks. Raises ``RegisterUnavailableError``."""
        try:
            async with asyncio.timeout(self._deadline):
                metadata, sequence, found = await self._read(keys, lock_targets)
                if metadata.generation != self._generation:  # a rebuild swapped generations since the last look-up
                    self._generation = metadata.generation
                    metadata, sequence, found = await self._read(keys, lock_targets)
        except (RedisError, OSError, TimeoutError) as error:
            raise RegisterUnavailableError("register_unreachable") from error
        if not metadata.applied:
            raise RegisterUnavailableError("register_empty")
        state = RegisterState(metadata.epoch, sequence, metadata.listings, metadata.applied, metadata.age_ms)
        return _look_up_of(keys, lock_targets, found, state)

    async def look_up_contents(
        self, generation: str, keys: Sequence[str], lock_targets: Sequence[str], state: RegisterState
    ) -> LookUp:
        """The same without reading metadata, which the caller has. Raises ``RegisterUnavailableError``.

        An empty result may mean that another generation is in force by now.
        """
        names = [register_keys.subject(generation, key) for key in keys]
        try:
            async with asyncio.timeout(self._deadline):
                if len(names) == 1 and not lock_targets:
                    answer: Any = self._redis.hvals(names[0])
                    found = [await answer]
                else:
                    pipeline = self._redis.pipeline(transaction=False)
                    for name in names:
                        pipeline.hvals(name)
                    for target in lock_targets:
                        pipeline.get(register_keys.lock(target))
                    found = await pipeline.execute()
        except (RedisError, OSError, TimeoutError) as error:
            raise RegisterUnavailableError("register_unreachable") from error
        return _look_up_of(keys, lock_targets, found, state)

    async def _read(self, keys: Sequence[str], lock_targets: Sequence[str]) -> tuple[RegisterMetadata, int, list[Any]]:
        """Metadata, sequence and the answers per key and target, in one transaction."""
        pipeline = self._redis.pipeline(transaction=True)
        pipeline.hmget(register_keys.METADATA, *FIELDS)
        pipeline.xrevrange(register_keys.CHANGE_LOG, count=1)
        pipeline.time()
        for key in keys:
            pipeline.hvals(register_keys.subject(self._generation, key))
        for target in lock_targets:
            pipeline.get(register_keys.lock(target))
        values, last, clock, *found = await pipeline.execute()
        metadata = parse_metadata(values, clock)
        if metadata is None:
            raise RegisterUnavailableError("register_not_loaded")
        return metadata, last_sequence(last), found

    async def state(self) -> RegisterState:
        """The state alone. Raises ``RegisterUnavailableError``."""
        return (await self.look_up(())).state


def _look_up_of(keys: Sequence[str], lock_targets: Sequence[str], found: Sequence[Any], state: RegisterState) -> LookUp:
    filed, locked = found[: len(keys)], found[len(keys) :]
    return LookUp(
        {key: [decode_listing(value) for value in values] for key, values in zip(keys, filed, strict=True)},
        {target: lock.decode() for target, lock in zip(lock_targets, locked, strict=True) if lock},
        state,
    )
