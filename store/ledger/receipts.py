"""Receipts of deliveries: what a client delivered, and what became of each record."""

from typing import Any, NamedTuple

import orjson
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from store.db.engine import writing
from store.db.hash_chain import HashChain
from store.db.schema import feed_events, holds, receipts
from store.feeds.quarantine import QuarantineState
from store.feeds.stats import FeedStatsStore
from store.ledger.feed_event_rows import RecordOutcome


class Receipt(NamedTuple):
    """A delivery and what became of it so far. ``created_at`` is in milliseconds."""

    id: str
    authority: str
    created_at: int
    client: str
    results: list[dict[str, Any]]
    """One JSON object for each record: its ``index``, ``status``, and fault if any."""


class ReceiptStore:
    """Receipts in SQL."""

    def __init__(self, engine: AsyncEngine, chain: HashChain, stats: FeedStatsStore) -> None:
        self._engine = engine
        self._writer = writing(engine)
        self._chain = chain
        self._stats = stats

    async def open(
        self, receipt_id: str, authority: str, client: str, total: int, refused: list[dict[str, Any]], now: int
    ) -> None:
        """Write that ``total`` records were delivered, and the results of those that the gateway refused."""
        row = {
            "id": receipt_id,
            "created_at": now,
            "authority": authority,
            "client": client,
            "total": total,
            "refused": orjson.dumps(refused),
        }
        async with self._writer.begin() as connection:
            await self._chain.append(connection, receipts, [row])

    async def count_refused(self, authority: str, refused: int, now: int) -> None:
        """Count records that the gateway refused, so that they count against the feed's bounds."""
        async with self._writer.begin() as connection:
            await self._chain.lock_appends(connection, feed_events)
            counts = await self._stats.load(connection, {authority}, now)
            counts.count_refused(authority, refused)
            await counts.write(connection)

    async def find(self, receipt_id: str) -> Receipt | None:
        """What became of a delivery so far, or None when there is no such receipt."""
        async with self._engine.connect() as connection:
            query = select(receipts).where(receipts.c.id == receipt_id)
            row = (await connection.execute(query)).mappings().first()
            if row is None:
                return None
            columns = (feed_events.c.receipt_index, feed_events.c.outcome, feed_events.c.fault, holds.c.state)
            events = select(*columns).join(holds, holds.c.id == feed_events.c.hold_id, isouter=True)
            events = events.where(feed_events.c.receipt_id == receipt_id).order_by(feed_events.c.id)
            # A released record has a later row of its own, which then counts.
            recorded = {index: _result(*rest) for index, *rest in await connection.execute(events)}
        refused = {item["index"]: item for item in orjson.loads(row["refused"])}
        results = [
            refused.get(index) or {"index": index, **recorded.get(index, {"status": "queued"})}
            for index in range(row["total"])
        ]
        return Receipt(receipt_id, row["authority"], row["created_at"], row["client"], results)


def _result(outcome: str, fault: str | None, quarantine: str | None) -> dict[str, Any]:
    """The outcome of a record in its receipt."""
    discarded = outcome == RecordOutcome.HELD and quarantine == QuarantineState.DISCARDED
    return {"status": RecordOutcome.DISCARDED.value if discarded else outcome, **orjson.loads(fault or "{}")}
