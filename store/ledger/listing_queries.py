"""Reads of listings, their events and their notices."""

from collections.abc import AsyncIterator
from typing import NamedTuple

from sqlalchemy import and_, or_, select
from sqlalchemy.ext.asyncio import AsyncEngine

from store.db.schema import feed_events, listings, notices, receipts
from store.ledger.listing_row import ListingRow, RegisterChange, register_change


class ListingEvent(NamedTuple):
    """An event of a listing. ``recorded_at`` is in milliseconds; ``record`` is JSON, None if CreditGate made it."""

    id: int
    recorded_at: int
    authority: str
    operation: str
    outcome: str
    ordering: str | None
    """Sort key among the events of the listing; None for an event that adds nothing to it."""
    record: bytes | None
    hold_id: str | None
    client: str | None
    """The client whose delivery brought it."""


class Notice(NamedTuple):
    """A notice to an authority about one of its red listings. ``created_at`` is in milliseconds."""

    id: int
    created_at: int
    kind: str
    listing_key: str
    cause_key: str
    record_no: str | None


class ListingQueries:
    """Listings in SQL, read only."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def ping(self) -> None:
        """Return if the ledger answers; raises what a broken ledger raises."""
        async with self._engine.connect() as connection:
            await connection.execute(select(listings.c.key).limit(1))

    async def changes_since(self, version: int, page_rows: int = 2000) -> AsyncIterator[list[RegisterChange]]:
        """Pages of what the register has to hold of every listing that changed after that version, oldest first."""
        last = (version, "")
        while True:
            after = or_(listings.c.version > last[0], and_(listings.c.version == last[0], listings.c.key > last[1]))
            query = select(listings).where(after if last[1] else listings.c.version > version)
            async with self._engine.connect() as connection:
                ordered = query.order_by(listings.c.version, listings.c.key).limit(page_rows)
                rows = [ListingRow(*row) for row in await connection.execute(ordered)]
            if not rows:
                return
            last = (rows[-1].version, rows[-1].key)
            yield [register_change(row) for row in rows]

    async def find(self, key: str) -> ListingRow | None:
        """One listing, or None."""
        async with self._engine.connect() as connection:
            row = (await connection.execute(select(listings).where(listings.c.key == key))).first()
        return ListingRow(*row) if row else None

    async def of_subject(self, subject_key: str) -> list[ListingRow]:
        """Every listing that was ever filed under a subject's number."""
        query = select(listings).where(listings.c.subject_key == subject_key).order_by(listings.c.first_day)
        async with self._engine.connect() as connection:
            return [ListingRow(*row) for row in await connection.execute(query)]

    async def events(self, key: str) -> list[ListingEvent]:
        """All events of a listing, in the order in which they were recorded."""
        columns = [feed_events.c[name] for name in ListingEvent._fields[:-1]]
        query = (
            select(*columns, receipts.c.client)
            .join(receipts, receipts.c.id == feed_events.c.receipt_id, isouter=True)
            .where(feed_events.c.listing_key == key)
            .order_by(feed_events.c.id)
        )
        async with self._engine.connect() as connection:
            return [ListingEvent._make(row) for row in await connection.execute(query)]

    async def notices_to(self, authority: str, after: int, limit: int) -> list[Notice]:
        """Notices to an authority after that number, oldest first."""
        columns = [notices.c[name] for name in Notice._fields[:-1]]
        query = (
            select(*columns, listings.c.record_no)
            .join(listings, listings.c.key == notices.c.listing_key, isouter=True)
            .where(notices.c.authority == authority, notices.c.id > after)
            .order_by(notices.c.id)
            .limit(limit)
        )
        async with self._engine.connect() as connection:
            return [Notice._make(row) for row in await connection.execute(query)]
