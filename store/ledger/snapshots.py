"""What the ledger knows of listings that a full list speaks of."""

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
    """Reads for the comparison of a snapshot."""

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

    async def standing(self, keys: Collection[str]) -> dict[str, RecordedListing]:
        """What is known of these listings; nothing of those that are not. Ask for some hundreds at a time."""
        contents = select(listings.c.key, listings.c.content).where(listings.c.key.in_(keys))
        words = (
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
            last = {row[0]: feed_record_from_json(row[1]) for row in await connection.execute(words)}
        return {
            key: RecordedListing(
                content.get(key), word.version, isinstance(word, RemoveRecord) and word.reason == NOT_IN_SNAPSHOT
            )
            for key, word in last.items()
        }
