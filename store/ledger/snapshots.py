"""What the ledger holds of the listings in a full list, for the comparison with it."""

from collections.abc import Collection

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from rules.admission.feed_event import OBJECTION_OPERATIONS
from rules.admission.snapshot import NOT_IN_SNAPSHOT, RecordedListing
from rules.listings.life import State
from rules.records.feed_record import RemoveRecord, feed_record_from_json
from rules.vocabulary import ListColour
from store.db.schema import feed_events, listings


class SnapshotStore:
    """Listings and their last records, read only."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def in_force(self, authority: str, colour: ListColour) -> set[str]:
        """The record numbers of an authority's own listings of one list that are in force."""
        query = select(listings.c.record_no).where(
            listings.c.authority == authority,
            listings.c.state == State.IN_FORCE,
            listings.c.colour == colour,
            listings.c.origin_key.is_(None),
        )
        async with self._engine.connect() as connection:
            return set((await connection.execute(query)).scalars())

    async def recorded(self, keys: Collection[str]) -> dict[str, RecordedListing]:
        """By key, the content and the last record of these listings, where there is one. At most hundreds of keys."""
        contents = select(listings.c.key, listings.c.content).where(listings.c.key.in_(keys))
        records = (
            select(feed_events.c.listing_key, feed_events.c.record)
            .where(
                feed_events.c.listing_key.in_(keys),
                feed_events.c.ordering.is_not(None),
                feed_events.c.record.is_not(None),
                feed_events.c.operation.not_in(OBJECTION_OPERATIONS),
            )
            .order_by(feed_events.c.listing_key, feed_events.c.ordering)
        )
        async with self._engine.connect() as connection:
            content = {row[0]: row[1] for row in await connection.execute(contents)}
            last_records = {row[0]: feed_record_from_json(row[1]) for row in await connection.execute(records)}
        return {
            key: RecordedListing(
                content.get(key), last.version, isinstance(last, RemoveRecord) and last.reason == NOT_IN_SNAPSHOT
            )
            for key, last in last_records.items()
        }
