"""Read the whole content of the register, for verification."""

from collections.abc import AsyncIterator, Collection
from typing import Any

from redis.asyncio import Redis

from store.register import keys as register_keys
from store.register.diff import RegisterEntry
from store.register.writer import RegisterNotLoadedError

_PAGE_KEYS = 500
_SCAN_COUNT = 1000
_BROKEN_LISTING = b"?"
"""Stands for copies of a listing that are missing or differ from each other: equal to no listing."""


class RegisterDump:
    """The content of the generation in force."""

    def __init__(self, redis: "Redis", generation: str) -> None:
        self._redis = redis
        self._generation = generation

    @classmethod
    async def in_force(cls, redis: "Redis") -> "RegisterDump":
        """Raises ``RegisterNotLoadedError``."""
        epoch, generation = await redis.hmget(register_keys.METADATA, "epoch", "generation")
        if epoch is None:
            raise RegisterNotLoadedError
        return cls(redis, generation.decode() if generation else register_keys.FIRST_GENERATION)  # type: ignore[union-attr]

    async def entries(self, keys: Collection[str]) -> dict[str, RegisterEntry]:
        """The entry of each of these listings."""
        pipeline = self._redis.pipeline(transaction=False)
        for key in keys:
            pipeline.hget(register_keys.listing(self._generation, key), "filed_under")
        filed = [tuple((value or b"").decode().split()) for value in await pipeline.execute()]
        for key, places in zip(keys, filed, strict=True):
            for place in places:
                pipeline.hget(register_keys.subject(self._generation, place), key)
        values = iter(await pipeline.execute())
        found: dict[str, RegisterEntry] = {}
        for key, places in zip(keys, filed, strict=True):
            copies = {next(values) for _ in places}
            listing = copies.pop() if len(copies) == 1 else None
            found[key] = RegisterEntry(listing or _BROKEN_LISTING, places) if places else RegisterEntry()
        return found

    async def filings(self) -> AsyncIterator[list[tuple[str, str]]]:
        """Pages of (subject or name key, listing key): everything that a look-up could find."""
        page: list[bytes] = []
        pattern = register_keys.subject(self._generation, "*")
        async for name in self._redis.scan_iter(match=pattern, count=_SCAN_COUNT):
            page.append(name)
            if len(page) == _PAGE_KEYS:
                yield await self._filings_of(page)
                page = []
        if page:
            yield await self._filings_of(page)

    async def _filings_of(self, names: list[bytes]) -> list[tuple[str, str]]:
        pipeline = self._redis.pipeline(transaction=False)
        for name in names:
            pipeline.hkeys(name)
        prefix = len(register_keys.subject(self._generation, ""))
        found: list[Any] = await pipeline.execute()
        return [(name.decode()[prefix:], key.decode()) for name, keys in zip(names, found, strict=True) for key in keys]
