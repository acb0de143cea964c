"""The feed side of the ledger: every record that was ever received, and what became of it.

Append-only. A record is here before it can bite, so the register can be rebuilt from it at any time.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import orjson
from sqlalchemy import RowMapping, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from register.database import feed_events, receipts, writing
from rules.admission import Claim
from rules.faults import InvalidRecord
from rules.feed_record import feed_record_json


class RecordOutcome(StrEnum):
    """What became of a record. ``superseded``: the same or a later claim about the listing stood already."""

    APPLIED = "applied"
    SUPERSEDED = "superseded"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Arrival:
    """One record as it came from the topic, judged."""

    event_id: str
    topic: str
    partition: int
    offset: int
    authority: str
    default_version: int
    judged: Claim | InvalidRecord
    receipt_id: str | None = None
    receipt_index: int | None = None


class Ledger:
    """Feed events and receipts in SQL."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._writer = writing(engine)

    async def record(self, arrivals: Sequence[Arrival], now: int) -> list[tuple[int, RecordOutcome]]:
        """Write arrivals in one transaction and tell for each its ledger id and outcome.

        An arrival whose event id is already there is not written again: its first outcome is told.
        """
        async with self._writer.begin() as connection:
            known = await _known(connection, [arrival.event_id for arrival in arrivals])
            standing = await _standing(connection, arrivals)
            rows = []
            for arrival in arrivals:
                if arrival.event_id not in known:
                    row = _row(arrival, standing, now)
                    known[arrival.event_id] = (0, row["outcome"])
                    rows.append(row)
            if rows:
                await connection.execute(insert(feed_events), rows)
                known |= await _known(connection, [row["event_id"] for row in rows])
        return [known[arrival.event_id] for arrival in arrivals]

    async def applied_since(self, ledger_id: int, page: int = 1000) -> AsyncIterator[list[RowMapping]]:
        """Applied events after that ledger id, oldest first, in pages: the material of a rebuild."""
        columns = (feed_events.c.id, feed_events.c.record, feed_events.c.default_version)
        while True:
            query = (
                select(*columns)
                .where(feed_events.c.id > ledger_id, feed_events.c.outcome == RecordOutcome.APPLIED)
                .order_by(feed_events.c.id)
                .limit(page)
            )
            async with self._engine.connect() as connection:
                rows = list((await connection.execute(query)).mappings())
            if not rows:
                return
            ledger_id = rows[-1]["id"]
            yield rows

    async def open_receipt(
        self,
        receipt_id: str,
        authority: str,
        client: str,
        total: int,
        refused: list[dict[str, Any]],
        now: int,
    ) -> None:
        """Write that a delivery of ``total`` records came in, and which were refused at the door."""
        row = {
            "id": receipt_id,
            "created_at": now,
            "authority": authority,
            "client": client,
            "total": total,
            "refused": orjson.dumps(refused),
        }
        async with self._writer.begin() as connection:
            await connection.execute(insert(receipts), [row])

    async def receipt(self, receipt_id: str) -> dict[str, Any] | None:
        """What became of a delivery so far, or None when there is no such receipt."""
        async with self._engine.connect() as connection:
            query = select(receipts).where(receipts.c.id == receipt_id)
            receipt = (await connection.execute(query)).mappings().first()
            if receipt is None:
                return None
            columns = (feed_events.c.receipt_index, feed_events.c.outcome, feed_events.c.fault)
            events = select(*columns).where(feed_events.c.receipt_id == receipt_id)
            settled = {
                row["receipt_index"]: {"status": row["outcome"], **orjson.loads(row["fault"] or "{}")}
                for row in (await connection.execute(events)).mappings()
            }
        refused = {item["index"]: item for item in orjson.loads(receipt["refused"])}
        results = [
            refused.get(index) or {"index": index, **settled.get(index, {"status": "queued"})}
            for index in range(receipt["total"])
        ]
        return {
            "id": receipt_id,
            "authority": receipt["authority"],
            "created_at": receipt["created_at"],
            "client": receipt["client"],
            "results": results,
        }

    async def counts(self) -> dict[str, int]:
        """How many records had each outcome."""
        query = select(feed_events.c.outcome, func.count()).group_by(feed_events.c.outcome)
        async with self._engine.connect() as connection:
            return {row[0]: row[1] for row in await connection.execute(query)}


async def _known(connection: AsyncConnection, event_ids: list[str]) -> dict[str, tuple[int, RecordOutcome]]:
    columns = (feed_events.c.event_id, feed_events.c.id, feed_events.c.outcome)
    query = select(*columns).where(feed_events.c.event_id.in_(event_ids))
    return {event: (row_id, RecordOutcome(outcome)) for event, row_id, outcome in await connection.execute(query)}


async def _standing(connection: AsyncConnection, arrivals: Sequence[Arrival]) -> dict[str, str]:
    """The order of the last applied claim of each listing that these arrivals speak of."""
    keys = {arrival.judged.key for arrival in arrivals if isinstance(arrival.judged, Claim)}
    query = (
        select(feed_events.c.listing_key, func.max(feed_events.c.ordering))
        .where(feed_events.c.listing_key.in_(keys), feed_events.c.outcome == RecordOutcome.APPLIED)
        .group_by(feed_events.c.listing_key)
    )
    return {row[0]: row[1] for row in await connection.execute(query)}


def _row(arrival: Arrival, standing: dict[str, str], now: int) -> dict[str, Any]:
    """A row for the ledger; notes in ``standing`` what the claim changes for the next arrival."""
    row: dict[str, Any] = {
        "event_id": arrival.event_id,
        "recorded_at": now,
        "authority": arrival.authority,
        "receipt_id": arrival.receipt_id,
        "receipt_index": arrival.receipt_index,
        "topic": arrival.topic,
        "partition": arrival.partition,
        "offset": arrival.offset,
        "default_version": arrival.default_version,
        "operation": "unknown",
        "outcome": RecordOutcome.REJECTED,
        "code": None,
        "fault": None,
        "listing_key": None,
        "ordering": None,
        "record": None,
    }
    if isinstance(arrival.judged, InvalidRecord):
        fault = arrival.judged
        return row | {"code": fault.code, "fault": orjson.dumps(fault.as_dict()).decode()}
    claim = arrival.judged
    applied = standing.get(claim.key, "") < claim.order
    if applied:
        standing[claim.key] = claim.order
    return row | {
        "operation": str(type(claim.record).__struct_config__.tag),
        "outcome": RecordOutcome.APPLIED if applied else RecordOutcome.SUPERSEDED,
        "listing_key": claim.key,
        "ordering": claim.order,
        "record": feed_record_json(claim.record),
    }
