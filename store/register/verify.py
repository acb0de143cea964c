"""Compare ledger and register, and name what differs.

    feed events ─fold─▶ rows of ``listings`` ─▶ keys of the register ─change log─▶ replica of each gateway process

The first two arrows are checked in both directions: what is missing, and what should not be there. The third is
not: a replica checks each change for a gap by itself, and reloads from the register after one.
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Iterator
from datetime import date

from msgspec.structs import replace
from redis.asyncio import Redis
from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncEngine

from rules.listings.life import State
from store.db.schema import listings
from store.ledger.listing_row import ListingRow, register_change
from store.ledger.listings import ListingStore
from store.register.diff import Difference, RegisterDiff, RegisterEntry, SideTotals, difference_between
from store.register.dump import RegisterDump
from store.register.rebuild import listing_keys, without_events

_PAGE_ROWS = 500
_RECHECKS = 4
_ABSENT = RegisterEntry()
_Suspects = dict[str, Difference]


class Verification:
    """Verifies one register against one ledger; changes neither."""

    def __init__(self, engine: AsyncEngine, redis: "Redis", listing_store: ListingStore) -> None:
        self._engine = engine
        self._redis = redis
        self._listing_store = listing_store

    async def run(self, today: date, *, pause: float = 0.5) -> RegisterDiff:
        """Compare everything. Differences are checked again, ``pause`` seconds apart: a change may be under way.

        Raises ``RegisterNotLoadedError``, and the error of a dependency that is unavailable.
        """
        diff = RegisterDiff()
        for key in await self._differing_rows(today):
            diff.add(Difference.ROW_DIFFERS, key)
        for key in await self._rows_without_events():
            diff.add(Difference.ROW_WITHOUT_EVENTS, key)
        suspects = await self._compare(diff)
        for _ in range(_RECHECKS):
            if suspects:
                await asyncio.sleep(pause)
                suspects = await self._recheck(diff, suspects)
        for key, kind in sorted(suspects.items()):
            diff.add(kind, key)
        return diff

    async def _differing_rows(self, today: date) -> list[str]:
        """Listings whose row differs from its events, except where only the expiry sweep is still to write its end."""
        differing: set[str] = set()
        async for keys in listing_keys(self._engine):
            async with self._engine.connect() as connection:
                diff = await self._listing_store.compare(connection, keys, today)
            differing |= {row.key for row in diff.changed() if not _awaits_expiry(row, diff.stored.get(row.key), today)}
        return sorted(differing)

    async def _rows_without_events(self) -> list[str]:
        async with self._engine.connect() as connection:
            query = select(listings.c.key).where(without_events()).order_by(listings.c.key)
            return list((await connection.execute(query)).scalars())

    async def _compare(self, diff: RegisterDiff) -> _Suspects:
        """Rows against register in both directions; fills counts and digests."""
        dump = await RegisterDump.in_force(self._redis)
        suspects: _Suspects = {}
        async for expected in self._expected_pages():
            found = await dump.entries(expected)
            diff.listings += len(expected)
            for key, entry in expected.items():
                diff.ledger.add(key, entry)
                diff.register.add(key, found[key])
                if kind := difference_between(entry, found[key]):
                    suspects[key] = kind
        async for page in dump.filings():
            suspects |= await self._extra(page)
        return suspects

    async def _recheck(self, diff: RegisterDiff, suspects: Collection[str]) -> _Suspects:
        dump = await RegisterDump.in_force(self._redis)
        remaining: _Suspects = {}
        for keys in _pages(sorted(suspects)):
            expected, found = await self._expected(keys), await dump.entries(keys)
            for key in keys:
                if kind := difference_between(expected.get(key, _ABSENT), found[key]):
                    remaining[key] = kind
        # Only a scan of the subject keys finds listings under keys where no row files them.
        async for page in dump.filings():
            remaining |= await self._extra([filing for filing in page if filing[1] in suspects])
        if not remaining:
            diff.ledger, diff.register, diff.listings = SideTotals(), SideTotals(), 0
            remaining = await self._compare(diff)
        return remaining

    async def _extra(self, filings: list[tuple[str, str]]) -> _Suspects:
        """Listings found under a subject or name key where no row files them."""
        expected: dict[str, RegisterEntry] = {}
        for keys in _pages(sorted({key for _, key in filings})):
            expected |= await self._expected(keys)
        return {key: Difference.EXTRA for place, key in filings if place not in expected.get(key, _ABSENT).places}

    async def _expected_pages(self) -> AsyncIterator[dict[str, RegisterEntry]]:
        last = ""
        while page := await self._entries_where(listings.c.key > last):
            last = next(reversed(page))
            yield page

    async def _expected(self, keys: Collection[str]) -> dict[str, RegisterEntry]:
        return await self._entries_where(listings.c.key.in_(keys))

    async def _entries_where(self, condition: ColumnElement[bool]) -> dict[str, RegisterEntry]:
        """The entries that the register must hold for a page of rows, in the order of their keys."""
        query = select(listings).where(condition).order_by(listings.c.key).limit(_PAGE_ROWS)
        async with self._engine.connect() as connection:
            rows = [ListingRow(*row) for row in await connection.execute(query)]
        return {row.key: RegisterEntry.from_change(register_change(row)) for row in rows}


def _awaits_expiry(row: ListingRow, before: ListingRow | None, today: date) -> bool:
    """Whether the written row only lacks the end that the expiry sweep is to write."""
    if before is None or replace(row, state=before.state) != before:
        return False
    return before.state == State.IN_FORCE and before.last_day is not None and before.last_day < today


def _pages(keys: list[str]) -> Iterator[list[str]]:
    return (keys[start : start + _PAGE_ROWS] for start in range(0, len(keys), _PAGE_ROWS))
