"""Read what the listings have come to, outside of any feed."""

from collections.abc import AsyncIterator
from typing import Any

from sqlalchemy import and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncEngine

from store.db.schema import feed_events, holds, listings, notices, receipts
from store.ledger.listings import RegisterChange, register_change


class ListingQueries:
    """The rows of listings in SQL."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def answers(self) -> None:
        """Return if the ledger answers; raises what a broken ledger raises."""
        async with self._engine.connect() as connection:
            await connection.execute(select(listings.c.key).limit(1))

    async def changes_since(self, version: int, page: int = 2000) -> AsyncIterator[list[RegisterChange]]:
        """What the register must be told of every listing that changed after that version, oldest first."""
        last = (version, "")
        while True:
            after = or_(listings.c.version > last[0], and_(listings.c.version == last[0], listings.c.key > last[1]))
            query = select(listings).where(after if last[1] else listings.c.version > version)
            async with self._engine.connect() as connection:
                ordered = query.order_by(listings.c.version, listings.c.key).limit(page)
                rows = list((await connection.execute(ordered)).mappings())
            if not rows:
                return
            last = (rows[-1]["version"], rows[-1]["key"])
            yield [register_change(dict(row), row["version"]) for row in rows]

    async def find(self, key: str) -> dict[str, Any] | None:
        """One listing, or None."""
        async with self._engine.connect() as connection:
            row = (await connection.execute(select(listings).where(listings.c.key == key))).mappings().first()
        return dict(row) if row else None

    async def of_subject(self, subject_key: str) -> list[dict[str, Any]]:
        """Every listing that was ever filed under a subject's number."""
        query = select(listings).where(listings.c.subject_key == subject_key).order_by(listings.c.first_day)
        async with self._engine.connect() as connection:
            return [dict(row) for row in (await connection.execute(query)).mappings()]

    async def events(self, key: str) -> list[dict[str, Any]]:
        """All that was ever received or done about a listing, in the order of arrival, with who sent it."""
        query = (
            select(feed_events, receipts.c.client, holds.c.state.label("hold_state"))
            .join(receipts, receipts.c.id == feed_events.c.receipt_id, isouter=True)
            .join(holds, holds.c.id == feed_events.c.hold_id, isouter=True)
            .where(feed_events.c.listing_key == key)
            .order_by(feed_events.c.id)
        )
        async with self._engine.connect() as connection:
            return [dict(row) for row in (await connection.execute(query)).mappings()]

    async def notices_to(self, authority: str, after: int, limit: int) -> list[dict[str, Any]]:
        """Notices to an authority after that number, oldest first."""
        query = (
            select(notices, listings.c.record_no)
            .join(listings, listings.c.key == notices.c.listing_key, isouter=True)
            .where(notices.c.authority == authority, notices.c.id > after)
        )
        async with self._engine.connect() as connection:
            rows = (await connection.execute(query.order_by(notices.c.id).limit(limit))).mappings()
            return [dict(row) for row in rows]

    async def count_by_state(self) -> dict[str, int]:
        """How many listings are in each state."""
        query = select(listings.c.state, func.count()).group_by(listings.c.state)
        async with self._engine.connect() as connection:
            return {row[0]: row[1] for row in await connection.execute(query)}
