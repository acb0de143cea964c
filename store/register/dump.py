"""Read all that the register holds, for a comparison."""

from collections.abc import AsyncIterator, Collection
from typing import Any

from redis.asyncio import Redis

from store.register import keys as register_keys
from store.register.diff import Shown
from store.register.writer import RegisterNotLoadedError

_PAGE = 500
_UNLIKE = b"?"
"""Stands for copies of a listing that lack or are not alike: it agrees with no listing."""


class RegisterDump:
    """The generation in force."""

    def __init__(self, redis: "Redis", generation: str) -> None:
        self._redis = redis
        self._generation = generation

    @classmethod
    async def in_force(cls, redis: "Redis") -> "RegisterDump":
        """Raises ``RegisterNotLoadedError``."""
        epoch, generation = await redis.hmget(register_keys.MARKER, "epoch", "generation")
        if epoch is None:
            raise RegisterNotLoadedError
        return cls(redis, generation.decode() if generation else register_keys.FIRST_GENERATION)  # type: ignore[union-attr]

    async def shown(self, keys: Collection[str]) -> dict[str, Shown]:
        """What is held of these listings."""
        pipeline = self._redis.pipeline(transaction=False)
        for key in keys:
            pipeline.hget(register_keys.listing(self._generation, key), "filed_under")
        filed = [tuple((value or b"").decode().split()) for value in await pipeline.execute()]
        for key, places in zip(keys, filed, strict=True):
            for place in places:
                pipeline.hget(register_keys.subject(self._generation, place), key)
        values = iter(await pipeline.execute())
        found: dict[str, Shown] = {}
        for key, places in zip(keys, filed, strict=True):
            copies = {next(values) for _ in places}
            listing = copies.pop() if len(copies) == 1 else _UNLIKE
            found[key] = Shown(listing or _UNLIKE, places) if places else Shown()
        return found

    async def entries(self) -> AsyncIterator[list[tuple[str, str]]]:
        """Pages of (number or name key, listing key): everything under which a check could find something."""
        page: list[bytes] = []
        async for name in self._redis.scan_iter(match=register_keys.subject(self._generation, "*"), count=1000):
            page.append(name)
            if len(page) == _PAGE:
                yield await self._entries(page)
                page = []
        if page:
            yield await self._entries(page)

    async def _entries(self, names: list[bytes]) -> list[tuple[str, str]]:
        pipeline = self._redis.pipeline(transaction=False)
        for name in names:
            pipeline.hkeys(name)
        prefix = len(register_keys.subject(self._generation, ""))
        found: list[Any] = await pipeline.execute()
        return [(name.decode()[prefix:], key.decode()) for name, keys in zip(names, found, strict=True) for key in keys]
