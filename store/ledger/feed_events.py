"""The feed side of the ledger: every record that was ever received, and what became of it.

Append-only. A record is here, and settled, before it can bite; the register shows what the listings come to.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

import orjson
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from rules.admission.feed_event import OBJECTION_OPERATIONS, FeedEvent
from rules.calendar import civil_day, from_milliseconds
from rules.faults import InvalidRecordError
from rules.records.feed_bounds import QuarantineCause
from rules.records.feed_record import feed_record_json
from store.db.hash_chain import HashChain
from store.db.schema import feed_events, holds, receipts, writing
from store.feeds.quarantine import HoldState, QuarantineRows
from store.feeds.stats import FeedStatsStore, working_days_between
from store.ledger.listings import ListingStore, RegisterChange


class RecordOutcome(StrEnum):
    """What became of a record.

    ``superseded``: the same or a later claim about the listing stood already. ``held``: its authority's feed
    is in quarantine. ``discarded``: it was held, and an entitled person let it fall.
    """

    APPLIED = "applied"
    SUPERSEDED = "superseded"
    REJECTED = "rejected"
    HELD = "held"
    DISCARDED = "discarded"


@dataclass(frozen=True, slots=True)
class Arrival:
    """One record as it came from the topic, judged."""

    event_id: str
    topic: str
    partition: int
    offset: int
    authority: str
    default_version: int
    judged: FeedEvent | InvalidRecordError
    receipt_id: str | None = None
    receipt_index: int | None = None


@dataclass(frozen=True, slots=True)
class BatchResult:
    """What recording some arrivals came to."""

    outcomes: list[RecordOutcome]
    """One for each arrival."""
    changes: list[RegisterChange]
    """What the register must be told now."""
    opened: dict[str, QuarantineCause]
    """Feeds that were put into quarantine."""
    struck: int
    """Red listings newly struck or held."""
    lifted: list[tuple[str, str]]
    """Locks that fell, by target key and id."""


def place_of(receipt_index: int | None, offset: int) -> int:
    """The place of a record among those that arrived in the same millisecond."""
    return offset if receipt_index is None else receipt_index


_FOLDED = (RecordOutcome.APPLIED, RecordOutcome.SUPERSEDED)


class Ledger:
    """Feed events and receipts in SQL."""

    def __init__(self, engine: AsyncEngine, book: ListingStore) -> None:
        self._engine = engine
        self._writer = writing(engine)
        self._book = book
        self._chain: HashChain = book.chain
        self._holds = QuarantineRows(self._chain)
        self._status = FeedStatsStore(book.listing_indexer.departments, book.working_days)

    async def record(self, arrivals: Sequence[Arrival], now: int) -> BatchResult:
        """Write arrivals and settle their listings in one transaction. ``now`` is in milliseconds.

        An arrival whose event id is already there is not written again: its first outcome is told, and its
        listing is told to the register once more.
        """
        today = civil_day(from_milliseconds(now))
        async with self._writer.begin() as connection:
            await self._chain.take_turn(connection, feed_events)
            known = await _known(connection, [arrival.event_id for arrival in arrivals])
            fresh = list({a.event_id: a for a in arrivals if a.event_id not in known}.values())
            standing = await _standing(connection, fresh)
            held, opened = await self._judge_feeds(connection, fresh, standing, now)
            rows = []
            for arrival in fresh:
                row = _row(arrival, standing, now) | {"hold_id": held.get(arrival.event_id)}
                if row["hold_id"] is not None:
                    row |= {"outcome": RecordOutcome.HELD, "ordering": None}
                known[arrival.event_id] = row["outcome"]
                rows.append(row)
            version = await self._chain.append(connection, feed_events, rows)
            keys = {
                arrival.judged.key
                for arrival in arrivals
                if isinstance(arrival.judged, FeedEvent) and known[arrival.event_id] in _FOLDED
            }
            settled = await self._book.settle(connection, keys, version, now, today)
            await self._status.note_listed(connection, settled.listed)
        outcomes = [RecordOutcome(known[arrival.event_id]) for arrival in arrivals]
        return BatchResult(outcomes, settled.changes, opened, settled.struck, settled.lifted)

    async def _judge_feeds(
        self, connection: AsyncConnection, arrivals: Sequence[Arrival], standing: dict[str, str], now: int
    ) -> tuple[dict[str, str], dict[str, QuarantineCause]]:
        """Which arrivals are held, by event id with their hold; and which feeds that put into quarantine."""
        authorities = {arrival.authority for arrival in arrivals}
        open_holds = await self._holds.open_holds(connection, authorities)
        counted = await self._status.counting(connection, authorities, now)
        held: dict[str, str] = {}
        opened: dict[str, QuarantineCause] = {}
        for arrival in arrivals:
            hold = open_holds.get(arrival.authority)
            if hold is not None:
                counted.note(arrival.authority, arrival.judged)
            else:
                cause = counted.take(arrival.authority, arrival.judged, standing)
                if cause is not None:
                    hold = await self._holds.open(connection, arrival.authority, cause, now)
                    open_holds[arrival.authority], opened[arrival.authority] = hold, cause
            if hold is not None and isinstance(arrival.judged, FeedEvent):
                held[arrival.event_id] = hold
                counted.held(arrival.authority)
        await counted.write(connection)
        return held, opened

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
            await self._chain.append(connection, receipts, [row])

    async def receipt(self, receipt_id: str) -> dict[str, Any] | None:
        """What became of a delivery so far, or None when there is no such receipt."""
        async with self._engine.connect() as connection:
            query = select(receipts).where(receipts.c.id == receipt_id)
            receipt = (await connection.execute(query)).mappings().first()
            if receipt is None:
                return None
            columns = (feed_events.c.receipt_index, feed_events.c.outcome, feed_events.c.fault, holds.c.state)
            events = select(*columns).join(holds, holds.c.id == feed_events.c.hold_id, isouter=True)
            events = events.where(feed_events.c.receipt_id == receipt_id).order_by(feed_events.c.id)
            settled = {row[0]: _settled(*row[1:]) for row in await connection.execute(events)}
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

    def working_days_late(self, determined_on: date, moment: datetime) -> int:
        """Working days from a determination to that moment (办法一 Art. 9)."""
        return working_days_between(self._book.working_days, determined_on, civil_day(moment))

    async def count_refused(self, authority: str, rejected: int, now: int) -> None:
        """Count records that were refused at the door, so that they weigh on the feed's bounds."""
        async with self._writer.begin() as connection:
            await self._chain.take_turn(connection, feed_events)
            counted = await self._status.counting(connection, {authority}, now)
            counted.refused(authority, rejected)
            await counted.write(connection)


async def record_counts(engine: AsyncEngine) -> dict[str, int]:
    """How many records had each outcome."""
    query = select(feed_events.c.outcome, func.count()).group_by(feed_events.c.outcome)
    async with engine.connect() as connection:
        return {row[0]: row[1] for row in await connection.execute(query)}


def _settled(outcome: str, fault: str | None, hold: str | None) -> dict[str, Any]:
    """A record's line in its receipt; a released record has a later row of its own, which then counts."""
    discarded = outcome == RecordOutcome.HELD and hold == HoldState.DISCARDED
    return {"status": "discarded" if discarded else outcome, **orjson.loads(fault or "{}")}


async def _known(connection: AsyncConnection, event_ids: list[str]) -> dict[str, str]:
    columns = (feed_events.c.event_id, feed_events.c.outcome)
    query = select(*columns).where(feed_events.c.event_id.in_(event_ids))
    return {row[0]: row[1] for row in await connection.execute(query)}


async def _standing(connection: AsyncConnection, arrivals: Sequence[Arrival]) -> dict[str, str]:
    """The order of the last word on each listing that these arrivals speak of, objections aside."""
    keys = {arrival.judged.key for arrival in arrivals if isinstance(arrival.judged, FeedEvent)}
    query = (
        select(feed_events.c.listing_key, func.max(feed_events.c.ordering))
        .where(feed_events.c.listing_key.in_(keys), feed_events.c.operation.not_in(OBJECTION_OPERATIONS))
        .group_by(feed_events.c.listing_key)
    )
    return {row[0]: row[1] for row in await connection.execute(query) if row[1] is not None}


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
    if isinstance(arrival.judged, InvalidRecordError):
        fault = arrival.judged
        return row | {"code": fault.code, "fault": orjson.dumps(fault.as_dict()).decode()}
    claim = arrival.judged
    last = standing.get(claim.key, "")
    beside = claim.operation in OBJECTION_OPERATIONS
    applied = beside or last < claim.order
    if applied and not beside:
        standing[claim.key] = claim.order
    return row | {
        "operation": claim.operation,
        "outcome": RecordOutcome.APPLIED if applied else RecordOutcome.SUPERSEDED,
        "listing_key": claim.key,
        # The very same event once more adds nothing to the listing's life.
        "ordering": None if last == claim.order else claim.order,
        "record": feed_record_json(claim.record),
    }
