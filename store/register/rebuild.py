"""Rebuild the register from the ledger beside the one in force, and swap it in.

    feed events ─fold─▶ rows of ``listings`` ─▶ a new generation of keys ─▶ swap ─▶ old keys deleted

While the new generation is filled, the worker writes its changes to both. A look-up reads metadata and listings
in one transaction, so it sees one generation or the other, never a part.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import uuid4

from redis.asyncio import Redis
from sqlalchemy import ColumnElement, delete, exists, select
from sqlalchemy.ext.asyncio import AsyncEngine

from rules.faults import CreditGateError
from store.db.engine import writing
from store.db.schema import feed_events, listings
from store.ledger.listing_queries import ListingQueries
from store.ledger.listings import ListingStore
from store.register import keys as register_keys
from store.register.writer import RegisterNotLoadedError, RegisterWriter

_PAGE_ROWS = 500
_SCAN_COUNT = 1000
_LOCK_TTL_S = 60
GRACE_S = 2.0
"""The keys of the old generation outlive the swap by this: longer than a look-up may take."""
ProgressCallback = Callable[[int], None]


class RebuildRunningError(CreditGateError):
    """Another rebuild is running."""


@dataclass(frozen=True, slots=True)
class RebuildResult:
    """The new generation, how many rows differed from the events, and how many listings were written."""

    generation: str
    corrected: int
    written: int


class Rebuild:
    """Rebuilds one register from one ledger."""

    def __init__(self, engine: AsyncEngine, redis: "Redis", listing_store: ListingStore) -> None:
        self._engine = engine
        self._redis = redis
        self._listing_store = listing_store
        self._writer = RegisterWriter(redis)
        self._listing_queries = ListingQueries(engine)

    async def run(self, now: int, today: date, progress: ProgressCallback = lambda _: None) -> RebuildResult:
        """Rebuild and swap. ``progress`` gets the number of listings written, page by page.

        Raises ``RegisterNotLoadedError`` when none is loaded (the worker loads it), ``RebuildRunningError``, and
        the error of a dependency that is unavailable; then the register in force stays as it is.
        """
        if not await self._writer.is_loaded():
            raise RegisterNotLoadedError
        if not await self._redis.set(register_keys.REBUILD_LOCK, uuid4().hex, nx=True, ex=_LOCK_TTL_S):
            raise RebuildRunningError
        try:
            corrected = await self._correct_rows(now, today)
            generation, written = await self._fill_generation(progress)
        finally:
            await self._redis.hdel(register_keys.METADATA, "building", "building_listings")
            await self._redis.delete(register_keys.REBUILD_LOCK)
        await asyncio.sleep(GRACE_S)
        await self._delete_other_generations(generation)
        return RebuildResult(generation, corrected, written)

    async def _correct_rows(self, now: int, today: date) -> int:
        """Write every row that differs from its events again, delete rows without events; how many there were."""
        corrected = 0
        async for keys in listing_keys(self._engine):
            await self._extend_lock()
            async with writing(self._engine).begin() as connection:
                chain = self._listing_store.chain
                await chain.lock_appends(connection, feed_events)
                version, _ = await chain.head(connection, feed_events)
                differing = (await self._listing_store.compare(connection, keys, today)).changed()
                if differing:
                    corrected += len(differing)
                    await self._listing_store.update(connection, keys, version, now, today)
        async with writing(self._engine).begin() as connection:
            await self._listing_store.chain.lock_appends(connection, feed_events)
            corrected += (await connection.execute(delete(listings).where(without_events()))).rowcount
        return corrected

    async def _fill_generation(self, progress: ProgressCallback) -> tuple[str, int]:
        """Write all listings to a new generation and swap it in; its name, and how many listings."""
        generation = uuid4().hex[:8]
        await self._redis.hset(register_keys.METADATA, mapping={"building": generation, "building_listings": 0})
        written = 0
        async for page in self._listing_queries.changes_since(0):
            await self._extend_lock()
            await self._writer.apply(page, building_only=True)
            written += len(page)
            progress(len(page))
        await self._writer.swap_in(generation)
        return generation, written

    async def _extend_lock(self) -> None:
        await self._redis.expire(register_keys.REBUILD_LOCK, _LOCK_TTL_S)

    async def _delete_other_generations(self, generation: str) -> None:
        """Delete the keys of every other generation, also those of a rebuild that was interrupted."""
        kept = (register_keys.listing(generation, "").encode(), register_keys.subject(generation, "").encode())
        page: list[Any] = []
        for pattern in (register_keys.listing("*", "*"), register_keys.subject("*", "*")):
            async for key in self._redis.scan_iter(match=pattern, count=_SCAN_COUNT):
                if not key.startswith(kept):
                    page.append(key)
                if len(page) >= _PAGE_ROWS:
                    await self._redis.unlink(*page)
                    page.clear()
        if page:
            await self._redis.unlink(*page)


def without_events() -> ColumnElement[bool]:
    """Condition: rows of ``listings`` with no event, neither of themselves nor of their origin."""
    events = select(feed_events.c.id).where(
        feed_events.c.listing_key.in_((listings.c.key, listings.c.origin_key)), feed_events.c.ordering.is_not(None)
    )
    return ~exists(events)


async def listing_keys(engine: AsyncEngine) -> AsyncIterator[list[str]]:
    """The keys of all listings that have events, in pages."""
    last = ""
    while True:
        query = (
            select(feed_events.c.listing_key)
            .where(feed_events.c.listing_key > last, feed_events.c.ordering.is_not(None))
            .group_by(feed_events.c.listing_key)
            .order_by(feed_events.c.listing_key)
            .limit(_PAGE_ROWS)
        )
        async with engine.connect() as connection:
            keys = list((await connection.execute(query)).scalars())
        if not keys:
            return
        last = keys[-1]
        yield keys
