"""What time and people bring about without any feed: listings end, publicity ends, held feeds are released.

Each writes its event into the ledger and settles the listings in the same transaction. Decisions do not wait
for it: they go by the clock.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from rules.admission.feed_event import order_of
from rules.calendar import civil_day, from_milliseconds
from rules.listings.life import State
from rules.records.feed_record import feed_record_from_json
from store.db.hash_chain import HashChain
from store.db.schema import feed_events, holds, listings, writing
from store.feeds.quarantine import HoldState, QuarantineRows
from store.feeds.stats import FeedStatsStore
from store.ledger.feed_events import RecordOutcome, place_of
from store.ledger.listings import ListingStore, RegisterChange

_PAGE = 500


@dataclass(frozen=True, slots=True)
class Page:
    """What one page of upkeep came to; falsy when nothing was due."""

    changes: list[RegisterChange] = field(default_factory=list)
    lifted: list[tuple[str, str]] = field(default_factory=list)
    """Locks that fell, by target key and id."""

    def __bool__(self) -> bool:
        """Whether anything was done."""
        return bool(self.changes)


class Expiry:
    """Brings the ledger up to the clock, a page at a time. ``now`` is in milliseconds everywhere."""

    def __init__(self, engine: AsyncEngine, book: ListingStore) -> None:
        self._engine = engine
        self._writer = writing(engine)
        self._book = book
        self._chain: HashChain = book.chain
        self._holds = QuarantineRows(book.chain)
        self._status = FeedStatsStore(book.listing_indexer.departments, book.working_days)
        self._reckoned_on: date | None = None

    async def end_due(self, now: int) -> Page:
        """End a page of listings whose last day is over; else reckon a page anew that rests on an unpublished year.

        Writes each end into the ledger, once; empty when nothing is due.
        """
        today = civil_day(from_milliseconds(now))
        ended = (listings.c.state == State.IN_FORCE) & (listings.c.last_day < today)
        page = await self._take_page(ended, _end, now)
        if page or self._reckoned_on == today:
            return page
        page = await self._take_page(self._not_reckoned(), self._reckon_again, now)
        if not page:
            # What comes from here on is reckoned by these tables already; other workers may still know older ones.
            self._reckoned_on = today
        return page

    async def _take_page(
        self, due: ColumnElement[bool], event: Callable[[RowMapping, int], dict[str, Any]], now: int
    ) -> Page:
        query = select(listings.c.key, listings.c.authority, listings.c.version).where(
            listings.c.origin_key.is_(None), due
        )
        async with self._engine.connect() as connection:
            if (await connection.execute(query.limit(1))).first() is None:
                return Page()
        async with self._writer.begin() as connection:
            await self._chain.take_turn(connection, feed_events)
            rows = [event(row, now) for row in (await connection.execute(query.limit(_PAGE))).mappings()]
            version = await self._chain.append(connection, feed_events, rows)
            return await self._settle(connection, {row["listing_key"] for row in rows}, version, now)

    def _not_reckoned(self) -> ColumnElement[bool]:
        """Provisional listings that these tables of working days have not been tried on."""
        name = _calendar_name(listings.c.key, self._book.working_days.version)
        return listings.c.provisional & ~select(feed_events.c.id).where(feed_events.c.event_id == name).exists()

    def _reckon_again(self, row: RowMapping, now: int) -> dict[str, Any]:
        name = _calendar_name(row["key"], self._book.working_days.version)
        return _event(name, "recalculate", row["authority"], row["key"], now)

    async def carry_out_release(self, now: int) -> Page:
        """Send a page of what a released hold kept on its way; empty when no release is waiting."""
        query = select(holds.c.id).where(holds.c.state == HoldState.RELEASED).order_by(holds.c.opened_at).limit(1)
        async with self._engine.connect() as connection:
            if (await connection.execute(query)).first() is None:
                return Page()
        async with self._writer.begin() as connection:
            await self._chain.take_turn(connection, feed_events)
            hold = (await connection.execute(query)).scalar()
            if hold is None:
                return Page()
            kept = await self._kept(connection, hold)
            if not kept:
                await self._holds.close(
                    connection, hold, HoldState.SETTLED, now, "creditgate", "creditgate", "all records went their way"
                )
                return Page()
            rows = [_released(row, now) for row in kept]
            version = await self._chain.append(connection, feed_events, rows)
            return await self._settle(connection, {row["listing_key"] for row in rows}, version, now)

    async def _kept(self, connection: AsyncConnection, hold: str) -> Sequence[RowMapping]:
        """The next page of held events that have no released twin yet."""
        twin = feed_events.alias()
        query = (
            select(feed_events)
            .where(
                feed_events.c.hold_id == hold,
                feed_events.c.outcome == RecordOutcome.HELD,
                ~select(twin.c.id).where(twin.c.event_id == _twin_name(feed_events.c.event_id)).exists(),
            )
            .order_by(feed_events.c.id)
            .limit(_PAGE)
        )
        return (await connection.execute(query)).mappings().all()

    async def _settle(self, connection: AsyncConnection, keys: set[str], version: int, now: int) -> Page:
        settled = await self._book.settle(connection, keys, version, now, civil_day(from_milliseconds(now)))
        await self._status.note_listed(connection, settled.listed)
        return Page(settled.changes, settled.lifted)


def _twin_name(event_id: Any) -> Any:  # noqa: ANN401 - a column or a text
    return "released:" + event_id


def _calendar_name(key: Any, calendar: str) -> Any:  # noqa: ANN401 - a column or a text
    return "calendar:" + key + ":" + calendar


def _end(row: RowMapping, now: int) -> dict[str, Any]:
    """The end of a listing as its row now is: one that was put back by a slower clock ends again."""
    return _event(f"end:{row['key']}:{row['version']}", "end", row["authority"], row["key"], now)


def _event(name: str, operation: str, authority: str, key: str, now: int) -> dict[str, Any]:
    return {
        "event_id": name,
        "recorded_at": now,
        "authority": authority,
        "operation": operation,
        "outcome": RecordOutcome.APPLIED.value,
        "code": None,
        "fault": None,
        "listing_key": key,
        "ordering": None,
        "default_version": None,
        "record": None,
        "receipt_id": None,
        "receipt_index": None,
        "topic": "",
        "partition": 0,
        "offset": 0,
        "hold_id": None,
    }


def _released(held: RowMapping, now: int) -> dict[str, Any]:
    """The held event once more, applied: a row of its own, since the ledger changes none."""
    record = feed_record_from_json(held["record"])
    return {name: held[name] for name in held if name not in ("id", "chain", "hold_id")} | {
        "event_id": _twin_name(held["event_id"]),
        "recorded_at": now,
        "outcome": RecordOutcome.APPLIED.value,
        "ordering": order_of(record, held["default_version"], place_of(held["receipt_index"], held["offset"])),
        "hold_id": held["hold_id"],
    }
