"""Changes that need no new record: listings that end, recalculated last days, and released quarantines.

Each change is an event in the ledger, and the listings are updated in the same transaction. Decisions do not depend
on it: they compare the last day of a listing with the clock.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from rules.calendar import civil_day, from_milliseconds
from rules.listings.life import State
from store.db.columns import SYSTEM
from store.db.engine import writing
from store.db.schema import feed_events, holds, listings
from store.feeds.quarantine import QuarantineRows, QuarantineState
from store.feeds.stats import add_listed
from store.ledger.feed_event_rows import RecordOutcome, released_event_id, released_row, system_row
from store.ledger.listing_row import RegisterChange
from store.ledger.listings import ListingStore
from store.ledger.lock_states import LiftedLock

_PAGE_ROWS = 500


@dataclass(frozen=True, slots=True)
class ExpiryPage:
    """The result of one page; falsy when nothing was due."""

    changes: list[RegisterChange] = field(default_factory=list)
    lifted: list[LiftedLock] = field(default_factory=list)

    def __bool__(self) -> bool:
        """Whether anything was done."""
        return bool(self.changes)


class Expiry:
    """Ends and recalculates listings that are due, applies released records. ``now`` is in milliseconds everywhere."""

    def __init__(self, engine: AsyncEngine, listing_store: ListingStore) -> None:
        self._engine = engine
        self._writer = writing(engine)
        self._listing_store = listing_store
        self._chain = listing_store.chain
        self._quarantine = QuarantineRows(self._chain)
        self._recalculated_on: date | None = None

    async def end_due(self, now: int) -> ExpiryPage:
        """End a page of listings whose last day is over; if there are none, recalculate a page of provisional ones.

        A last day is provisional while it depends on a year whose working days are not published. Each end and each
        recalculation is written once; the page is empty when nothing is due.
        """
        today = civil_day(from_milliseconds(now))
        ended = (listings.c.state == State.IN_FORCE) & (listings.c.last_day < today)
        page = await self._append_page(ended, _end_row, now)
        if page or self._recalculated_on == today:
            return page
        page = await self._append_page(self._not_recalculated(), self._recalculation_row, now)
        if not page:
            # New listings use these working days already, but another worker may still run with older ones: so daily.
            self._recalculated_on = today
        return page

    async def _append_page(
        self, due: ColumnElement[bool], event: Callable[[RowMapping, int], dict[str, Any]], now: int
    ) -> ExpiryPage:
        """Write an event for each listing of the next page that is due; takes the write lock only if there is one."""
        query = select(listings.c.key, listings.c.authority, listings.c.version).where(
            listings.c.origin_key.is_(None), due
        )
        async with self._engine.connect() as connection:
            if (await connection.execute(query.limit(1))).first() is None:
                return ExpiryPage()
        async with self._writer.begin() as connection:
            await self._chain.lock_appends(connection, feed_events)
            rows = [event(row, now) for row in (await connection.execute(query.limit(_PAGE_ROWS))).mappings()]
            return await self._append(connection, rows, now)

    def _not_recalculated(self) -> ColumnElement[bool]:
        """Provisional listings that were not recalculated with these working days."""
        event_id = _recalculation_id(listings.c.key, self._listing_store.working_days.version)
        return listings.c.provisional & ~select(feed_events.c.id).where(feed_events.c.event_id == event_id).exists()

    def _recalculation_row(self, row: RowMapping, now: int) -> dict[str, Any]:
        event_id = _recalculation_id(row["key"], self._listing_store.working_days.version)
        return system_row(event_id, "recalculate", row["authority"], row["key"], now)

    async def apply_released(self, now: int) -> ExpiryPage:
        """Apply a page of the records of a released quarantine; empty when none is waiting."""
        query = select(holds.c.id).where(holds.c.state == QuarantineState.RELEASED).order_by(holds.c.opened_at).limit(1)
        async with self._engine.connect() as connection:
            if (await connection.execute(query)).first() is None:
                return ExpiryPage()
        async with self._writer.begin() as connection:
            await self._chain.lock_appends(connection, feed_events)
            quarantine = (await connection.execute(query)).scalar()
            if quarantine is None:
                return ExpiryPage()
            held = await self._held_events(connection, quarantine)
            if not held:
                await self._quarantine.close(
                    connection, quarantine, QuarantineState.SETTLED, now, SYSTEM, SYSTEM, "all records are applied"
                )
                return ExpiryPage()
            return await self._append(connection, [released_row(row, now) for row in held], now)

    async def _held_events(self, connection: AsyncConnection, quarantine: str) -> Sequence[RowMapping]:
        """The next page of held events that are not applied yet."""
        applied = feed_events.alias()
        query = (
            select(feed_events)
            .where(
                feed_events.c.hold_id == quarantine,
                feed_events.c.outcome == RecordOutcome.HELD,
                ~select(applied.c.id).where(applied.c.event_id == released_event_id(feed_events.c.event_id)).exists(),
            )
            .order_by(feed_events.c.id)
            .limit(_PAGE_ROWS)
        )
        return (await connection.execute(query)).mappings().all()

    async def _append(self, connection: AsyncConnection, rows: list[dict[str, Any]], now: int) -> ExpiryPage:
        version = await self._chain.append(connection, feed_events, rows)
        keys = {row["listing_key"] for row in rows}
        today = civil_day(from_milliseconds(now))
        update = await self._listing_store.update(connection, keys, version, now, today)
        await add_listed(connection, update.listed)
        return ExpiryPage(update.changes, update.lifted)


def _recalculation_id(key: Any, calendar: str) -> Any:  # noqa: ANN401 - a column or a text
    return "calendar:" + key + ":" + calendar


def _end_row(row: RowMapping, now: int) -> dict[str, Any]:
    """The end of a listing at its version: one that a worker with a slower clock put back in force ends again."""
    return system_row(f"end:{row['key']}:{row['version']}", "end", row["authority"], row["key"], now)
