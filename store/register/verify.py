"""Compare ledger, listings and register, and name what differs.

    events ──fold──▶ rows of ``listings`` ──▶ keys of the register

Each arrow is checked in both directions: what should be there and is not, and what is there and should not be.
A gateway reads the register itself at each check and keeps no copy of it, so there is no third arrow.
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Iterator
from datetime import date

from msgspec.structs import replace
from redis.asyncio import Redis
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from rules.listings.life import State
from store.db.schema import listings
from store.ledger.listing_row import ListingRow, register_change
from store.ledger.listings import ListingStore
from store.register.diff import Comparison, Difference, Shown, Side, judge
from store.register.dump import RegisterDump
from store.register.rebuild import all_keys, unspoken

_PAGE = 500
_LOOKS = 4
_Suspects = dict[str, Difference]


class Verification:
    """Verifies one register against one ledger, without changing either."""

    def __init__(self, engine: AsyncEngine, redis: "Redis", book: ListingStore) -> None:
        self._engine = engine
        self._redis = redis
        self._book = book

    async def run(self, today: date, *, pause: float = 0.5) -> Comparison:
        """Compare everything. What differs is looked at again, ``pause`` seconds apart: it may be on its way.

        Raises ``RegisterNotLoadedError``, and what a broken dependency raises.
        """
        result = Comparison()
        result.name(Difference.ROW_DIFFERS, await self._rows(today))
        result.name(Difference.ROW_UNSPOKEN, await self._unspoken())
        suspects = await self._compare(result)
        for _ in range(_LOOKS):
            if suspects:
                await asyncio.sleep(pause)
                suspects = await self._look_again(result, suspects)
        for key, kind in sorted(suspects.items()):
            result.name(kind, [key])
        return result

    async def _rows(self, today: date) -> list[str]:
        """Listings whose row is not what the events say. An end that no sweep has written yet is none."""
        differing: set[str] = set()
        async for keys in all_keys(self._engine):
            async with self._engine.connect() as connection:
                diff = await self._book.compare(connection, keys, today)
            differing |= {row.key for row in diff.changed() if not _is_due(row, diff.stored.get(row.key), today)}
        return sorted(differing)

    async def _unspoken(self) -> list[str]:
        async with self._engine.connect() as connection:
            query = select(listings.c.key).where(unspoken()).order_by(listings.c.key)
            return list((await connection.execute(query)).scalars())

    async def _compare(self, result: Comparison) -> _Suspects:
        """Both directions between rows and register; fills counts and digests."""
        contents = await RegisterDump.in_force(self._redis)
        suspects: _Suspects = {}
        async for wanted in self._pages():
            found = await contents.shown(wanted)
            result.listings += len(wanted)
            for key, row in wanted.items():
                result.ledger.add(key, row)
                result.register.add(key, found[key])
                if kind := judge(row, found[key]):
                    suspects[key] = kind
        async for page in contents.entries():
            suspects |= await self._extra(page)
        return suspects

    async def _look_again(self, result: Comparison, suspects: Collection[str]) -> _Suspects:
        contents = await RegisterDump.in_force(self._redis)
        again: _Suspects = {}
        for keys in _parts(sorted(suspects)):
            wanted, found = await self._wanted(keys), await contents.shown(keys)
            for key in keys:
                if kind := judge(wanted.get(key, Shown()), found[key]):
                    again[key] = kind
        # Where a listing stands that no row puts there can only be seen from the other side.
        async for page in contents.entries():
            again |= await self._extra([entry for entry in page if entry[1] in suspects])
        if not again:
            result.ledger, result.register, result.listings = Side(), Side(), 0
            again = await self._compare(result)
        return again

    async def _extra(self, entries: list[tuple[str, str]]) -> _Suspects:
        """Listings that stand under some number or name where no row files them."""
        wanted: dict[str, Shown] = {}
        for keys in _parts(sorted({key for _, key in entries})):
            wanted |= await self._wanted(keys)
        return {key: Difference.EXTRA for place, key in entries if place not in wanted.get(key, Shown()).places}

    async def _pages(self) -> AsyncIterator[dict[str, Shown]]:
        last = ""
        while True:
            query = select(listings).where(listings.c.key > last).order_by(listings.c.key).limit(_PAGE)
            async with self._engine.connect() as connection:
                rows = [ListingRow(*row) for row in await connection.execute(query)]
            if not rows:
                return
            last = rows[-1].key
            yield {row.key: _wanted(row) for row in rows}

    async def _wanted(self, keys: Collection[str]) -> dict[str, Shown]:
        async with self._engine.connect() as connection:
            result = await connection.execute(select(listings).where(listings.c.key.in_(keys)))
        return {row.key: _wanted(row) for row in (ListingRow(*columns) for columns in result)}


def _wanted(row: ListingRow) -> Shown:
    return Shown.of(register_change(row))


def _is_due(row: ListingRow, before: ListingRow | None, today: date) -> bool:
    """Whether the row only waits for the sweep that writes its end."""
    if before is None or replace(row, state=before.state) != before:
        return False
    return before.state == State.IN_FORCE and before.last_day is not None and before.last_day < today


def _parts(keys: list[str]) -> Iterator[list[str]]:
    return (keys[start : start + _PAGE] for start in range(0, len(keys), _PAGE))
