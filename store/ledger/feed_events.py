"""The feed side of the ledger: every record that was received, and what became of it.

    ReceivedRecord ──▶ bounds of the feed ──▶ feed_events ──▶ listings ──▶ BatchResult
                       └▶ quarantine

Append-only. A record is in the ledger, and its listing is updated, before it can affect a decision.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from rules.admission.feed_event import OBJECTION_OPERATIONS, FeedEvent
from rules.calendar import civil_day, from_milliseconds
from rules.records.feed_bounds import QuarantineCause
from store.db.engine import writing
from store.db.schema import feed_events
from store.feeds.quarantine import QuarantineRows
from store.feeds.stats import FeedStatsStore, add_listed, working_days_between
from store.ledger.feed_event_rows import ReceivedRecord, RecordOutcome, received_rows
from store.ledger.listing_row import RegisterChange
from store.ledger.listings import ListingStore
from store.ledger.lock_states import LiftedLock

_CONCERNS_LISTING = (RecordOutcome.APPLIED, RecordOutcome.SUPERSEDED)


@dataclass(frozen=True, slots=True)
class BatchResult:
    """The result of recording a batch."""

    outcomes: list[RecordOutcome]
    """One for each record."""
    changes: list[RegisterChange]
    """What has to be applied to the register."""
    opened: dict[str, QuarantineCause]
    """Feeds that were put into quarantine."""
    excluded: int
    """Red listings newly excluded by a black one."""
    lifted: list[LiftedLock]


class _Screening(NamedTuple):
    held: dict[str, str]
    """Records to hold: their event id and the id of the quarantine."""
    opened: dict[str, QuarantineCause]


class FeedEventStore:
    """Writes feed events and all that follows from them in SQL."""

    def __init__(self, engine: AsyncEngine, listing_store: ListingStore) -> None:
        self._writer = writing(engine)
        self._listing_store = listing_store
        self._chain = listing_store.chain
        self._quarantine = QuarantineRows(self._chain)
        self._stats = FeedStatsStore(listing_store.listing_indexer.departments, listing_store.working_days)

    async def record(self, records: Sequence[ReceivedRecord], now: int) -> BatchResult:
        """Write records and update their listings in one transaction. ``now`` is in milliseconds.

        A record whose event id is in the ledger already is not written again: it gets its first outcome, and its
        listing is among the changes for the register once more.
        """
        async with self._writer.begin() as connection:
            await self._chain.lock_appends(connection, feed_events)
            outcomes = await _known_outcomes(connection, [record.event_id for record in records])
            fresh = list({r.event_id: r for r in records if r.event_id not in outcomes}.values())
            last_orders = await _last_orders(connection, fresh)
            screening = await self._screen(connection, fresh, last_orders, now)
            rows = list(received_rows(fresh, last_orders, screening.held, now))
            outcomes |= {row["event_id"]: row["outcome"] for row in rows}
            version = await self._chain.append(connection, feed_events, rows)
            keys = _keys([record for record in records if outcomes[record.event_id] in _CONCERNS_LISTING])
            update = await self._listing_store.update(connection, keys, version, now, civil_day(from_milliseconds(now)))
            await add_listed(connection, update.listed)
        return BatchResult(
            outcomes=[RecordOutcome(outcomes[record.event_id]) for record in records],
            changes=update.changes,
            opened=screening.opened,
            excluded=update.excluded,
            lifted=update.lifted,
        )

    async def _screen(
        self, connection: AsyncConnection, records: Sequence[ReceivedRecord], last_orders: dict[str, str], now: int
    ) -> _Screening:
        """Count records, and quarantine a feed that breaks its bounds. A record of such a feed is held from then on."""
        authorities = {record.authority for record in records}
        open_ids = await self._quarantine.open_ids(connection, authorities)
        counts = await self._stats.load(connection, authorities, now)
        result = _Screening({}, {})
        for record in records:
            quarantine = open_ids.get(record.authority)
            if quarantine is not None:
                counts.count_arrival(record.authority, record.validated)
            elif cause := counts.count(record.authority, record.validated, last_orders):
                quarantine = await self._quarantine.open(connection, record.authority, cause, now)
                open_ids[record.authority], result.opened[record.authority] = quarantine, cause
            if quarantine is not None and isinstance(record.validated, FeedEvent):
                result.held[record.event_id] = quarantine
                counts.count_held(record.authority)
        await counts.write(connection)
        return result

    def working_days_late(self, determined_on: date, moment: datetime) -> int:
        """Working days from a determination to that moment (办法一 Art. 9)."""
        return working_days_between(self._listing_store.working_days, determined_on, civil_day(moment))


async def record_counts(engine: AsyncEngine) -> dict[str, int]:
    """How many records had each outcome."""
    query = select(feed_events.c.outcome, func.count()).group_by(feed_events.c.outcome)
    async with engine.connect() as connection:
        return {row[0]: row[1] for row in await connection.execute(query)}


def _keys(records: Collection[ReceivedRecord]) -> set[str]:
    """The listings that records are about."""
    return {record.validated.key for record in records if isinstance(record.validated, FeedEvent)}


async def _known_outcomes(connection: AsyncConnection, event_ids: list[str]) -> dict[str, str]:
    columns = (feed_events.c.event_id, feed_events.c.outcome)
    query = select(*columns).where(feed_events.c.event_id.in_(event_ids))
    return {row[0]: row[1] for row in await connection.execute(query)}


async def _last_orders(connection: AsyncConnection, records: Sequence[ReceivedRecord]) -> dict[str, str]:
    """By listing, the order of the last event in the ledger; objections have no part in that order."""
    query = (
        select(feed_events.c.listing_key, func.max(feed_events.c.ordering))
        .where(feed_events.c.listing_key.in_(_keys(records)), feed_events.c.operation.not_in(OBJECTION_OPERATIONS))
        .group_by(feed_events.c.listing_key)
    )
    return {row[0]: row[1] for row in await connection.execute(query) if row[1] is not None}
