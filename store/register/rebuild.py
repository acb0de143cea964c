"""Make the register anew from the ledger, beside the one in force, and swap it in.

First the rows of ``listings`` are reckoned again from the events; then they are told to another generation of
keys, while the worker tells its changes to both; then the marker names the new generation, in one step. A check
reads the marker and the listings in one transaction, so it meets one generation or the other, never a half.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import uuid4

from redis.asyncio import Redis
from sqlalchemy import delete, exists, select
from sqlalchemy.ext.asyncio import AsyncEngine

from rules.faults import CreditGateError
from store.db.engine import writing
from store.db.hash_chain import HashChain
from store.db.schema import feed_events, listings
from store.ledger.listing_queries import ListingQueries
from store.ledger.listings import ListingStore
from store.register import keys as register_keys
from store.register.writer import RegisterNotLoadedError, RegisterWriter

_PAGE = 500
_TURN_SECONDS = 60
GRACE = 2.0
"""Seconds for which the keys of the old generation outlive the swap: longer than a look-up may take."""
Progress = Callable[[int], None]


class RebuildRunningError(CreditGateError):
    """Another rebuild is at work."""


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What a rebuild came to: rows that were not as the events say, and listings told to the new register."""

    generation: str
    corrected: int
    told: int


class Rebuild:
    """Rebuilds one register from one ledger."""

    def __init__(self, engine: AsyncEngine, redis: "Redis", book: ListingStore) -> None:
        self._engine = engine
        self._redis = redis
        self._book = book
        self._writer = RegisterWriter(redis)
        self._table = ListingQueries(engine)

    async def run(self, now: int, today: date, progress: Progress = lambda _: None) -> Rebuilt:
        """Rebuild and swap. ``progress`` is told of every listing that was told to the new register.

        Raises ``RegisterNotLoadedError`` where there is none to stand beside (the worker then fills it),
        ``RebuildRunningError``, and what a broken dependency raises; the register in force stays as it is.
        """
        if not await self._writer.is_loaded():
            raise RegisterNotLoadedError
        turn = uuid4().hex
        if not await self._redis.set(register_keys.REBUILD, turn, nx=True, ex=_TURN_SECONDS):
            raise RebuildRunningError
        try:
            corrected = await self._correct(now, today)
            generation, told = await self._build(progress)
        finally:
            await self._redis.hdel(register_keys.MARKER, "building", "building_listings")
            await self._redis.delete(register_keys.REBUILD)
        await asyncio.sleep(GRACE)
        await self._sweep(generation)
        return Rebuilt(generation, corrected, told)

    async def _correct(self, now: int, today: date) -> int:
        """Write again what the events say of every listing; take away rows of which no event speaks."""
        corrected = 0
        async for keys in all_keys(self._engine):
            await self._keep_turn()
            async with writing(self._engine).begin() as connection:
                chain: HashChain = self._book.chain
                await chain.lock_appends(connection, feed_events)
                version, _ = await chain.head(connection, feed_events)
                differing = (await self._book.compare(connection, keys, today)).changed()
                if differing:
                    corrected += len(differing)
                    await self._book.update(connection, keys, version, now, today)
        async with writing(self._engine).begin() as connection:
            await self._book.chain.lock_appends(connection, feed_events)
            corrected += (await connection.execute(delete(listings).where(unspoken()))).rowcount
        return corrected

    async def _build(self, progress: Progress) -> tuple[str, int]:
        generation = uuid4().hex[:8]
        await self._redis.hset(register_keys.MARKER, mapping={"building": generation, "building_listings": 0})
        told = 0
        async for page in self._table.changes_since(0):
            await self._keep_turn()
            await self._writer.apply(page, aside=True)
            told += len(page)
            progress(len(page))
        await self._writer.swap_in(generation)
        return generation, told

    async def _keep_turn(self) -> None:
        await self._redis.expire(register_keys.REBUILD, _TURN_SECONDS)

    async def _sweep(self, generation: str) -> None:
        """Take away the keys of every other generation, also those of a rebuild that died."""
        kept = (register_keys.listing(generation, "").encode(), register_keys.subject(generation, "").encode())
        doomed: list[Any] = []
        for pattern in (register_keys.listing("*", "*"), register_keys.subject("*", "*")):
            async for key in self._redis.scan_iter(match=pattern, count=1000):
                if not key.startswith(kept):
                    doomed.append(key)
                if len(doomed) >= _PAGE:
                    await self._redis.unlink(*doomed)
                    doomed.clear()
        if doomed:
            await self._redis.unlink(*doomed)


def unspoken() -> Any:  # noqa: ANN401 - a condition
    """Rows that no event speaks of, neither of themselves nor of their origin."""
    spoken = select(feed_events.c.id).where(
        feed_events.c.listing_key.in_((listings.c.key, listings.c.origin_key)), feed_events.c.ordering.is_not(None)
    )
    return ~exists(spoken)


async def all_keys(engine: AsyncEngine) -> AsyncIterator[list[str]]:
    """The keys of all listings that events speak of, in pages."""
    last = ""
    while True:
        query = (
            select(feed_events.c.listing_key)
            .where(feed_events.c.listing_key > last, feed_events.c.ordering.is_not(None))
            .group_by(feed_events.c.listing_key)
            .order_by(feed_events.c.listing_key)
            .limit(_PAGE)
        )
        async with engine.connect() as connection:
            keys = list((await connection.execute(query)).scalars())
        if not keys:
            return
        last = keys[-1]
        yield keys
