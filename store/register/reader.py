"""Ask the register: one round trip under a deadline, and never a guess.

The answer is what is listed; "not listed" is an empty answer from a register that is whole. Anything
else raises ``RegisterUnavailableError`` with its cause, which is unknown, not "not listed".
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

CAUSES = ("register_not_loaded", "register_empty", "register_unreachable")
"""Why a register cannot answer. Empty means whole, but never fed: that is not "nobody is listed" either."""


class RegisterUnavailableError(CreditGateError):
    """The register cannot answer; ``code`` is one of ``CAUSES``."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class RegisterState(Struct, frozen=True, gc=False):
    """How much the register holds and how far it has come."""

    epoch: str
    sequence: int
    listings: int
    applied: int
    age: int | None = None
    """Milliseconds since a worker last said that the register is kept up; None when none ever did."""
    heard: int = 0
    """Milliseconds since Redis was heard: none when it was asked for this."""


@dataclass(frozen=True, slots=True)
class LookUp:
    """Listings by key asked for, locks held by target asked for, and the state they were read from."""

    listings: dict[str, list[Listing]]
    locks: dict[str, str]
    state: RegisterState
    from_cache: bool = False
    """Whether the listings were read earlier, and no change of them was heard of since."""


class RegisterReader:
    """Reads of one gateway process. ``deadline`` is seconds for a whole look-up."""

    def __init__(self, redis: "Redis", deadline: float) -> None:
        self._redis = redis
        self._deadline = deadline
        self._generation = register_keys.FIRST_GENERATION

    async def look_up(self, keys: Sequence[str], lock_targets: Sequence[str] = ()) -> LookUp:
        """Everything filed under those keys. Raises ``RegisterUnavailableError``."""
        try:
            async with asyncio.timeout(self._deadline):
                marker, last, clock, *found = await self._read(keys, lock_targets)
                in_force = (marker.pop() or register_keys.FIRST_GENERATION.encode()).decode()
                if in_force != self._generation:
                    # The register was rebuilt beside the one this process knew.
                    self._generation = in_force
                    marker, last, clock, *found = await self._read(keys, lock_targets)
                    marker.pop()
        except (RedisError, OSError, TimeoutError) as error:
            raise RegisterUnavailableError("register_unreachable") from error
        return _found(keys, lock_targets, found, _state(marker, last, clock))

    async def contents(
        self, generation: str, keys: Sequence[str], lock_targets: Sequence[str], state: RegisterState
    ) -> LookUp:
        """The same, for one who knows the state: the cheapest question there is. Raises ``RegisterUnavailableError``.

        Nothing under a key may mean that another generation is in force by now.
        """
        places = [register_keys.subject(generation, key) for key in keys]
        try:
            async with asyncio.timeout(self._deadline):
                if len(places) == 1 and not lock_targets:
                    asked: Any = self._redis.hvals(places[0])
                    found = [await asked]
                else:
                    pipeline = self._redis.pipeline(transaction=False)
                    for place in places:
                        pipeline.hvals(place)
                    for target in lock_targets:
                        pipeline.get(register_keys.LOCK + target)
                    found = await pipeline.execute()
        except (RedisError, OSError, TimeoutError) as error:
            raise RegisterUnavailableError("register_unreachable") from error
        return _found(keys, lock_targets, found, state)

    async def _read(self, keys: Sequence[str], lock_targets: Sequence[str]) -> list[Any]:
        pipeline = self._redis.pipeline(transaction=True)
        pipeline.hmget(register_keys.MARKER, "epoch", "listings", "applied", "beat", "generation")
        pipeline.xrevrange(register_keys.CHANGES, count=1)
        pipeline.time()
        for key in keys:
            pipeline.hvals(register_keys.subject(self._generation, key))
        for target in lock_targets:
            pipeline.get(register_keys.LOCK + target)
        return await pipeline.execute()

    async def state(self) -> RegisterState:
        """The state alone. Raises ``RegisterUnavailableError``."""
        return (await self.look_up(())).state


def _found(keys: Sequence[str], lock_targets: Sequence[str], found: Sequence[Any], state: RegisterState) -> LookUp:
    filed, held = found[: len(keys)], found[len(keys) :]
    return LookUp(
        {key: [decode_listing(value) for value in values] for key, values in zip(keys, filed, strict=True)},
        {target: lock.decode() for target, lock in zip(lock_targets, held, strict=True) if lock},
        state,
    )


def _state(marker: list[bytes | None], last: list[tuple[bytes, object]], clock: tuple[int, int]) -> RegisterState:
    """An unloaded register and one that never held anything are both unknown, not "nobody is listed"."""
    epoch, listings, applied, beat = marker
    if epoch is None:
        raise RegisterUnavailableError("register_not_loaded")
    if not applied:
        raise RegisterUnavailableError("register_empty")
    sequence = int(last[0][0].split(b"-")[1]) if last else 0
    age = None if beat is None else max(0, clock[0] * 1000 + clock[1] // 1000 - int(beat))
    return RegisterState(epoch.decode(), sequence, int(listings or 0), int(applied), age)
