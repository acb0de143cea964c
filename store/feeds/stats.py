"""Counts of each authority's feed: in total, and in the window of its bounds (``rules.records.feed_bounds``)."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from rules.admission.feed_event import FeedEvent, version_as_time
from rules.calendar import civil_day, from_milliseconds
from rules.faults import InvalidRecordError
from rules.records.departments import Departments
from rules.records.feed_bounds import FeedBounds, FeedWindow, QuarantineCause, exceeded_bound
from rules.records.feed_record import ArchiveRecord, FeedRecord, ListRecord, RemoveRecord, RepairRecord, ResolveRecord
from rules.vocabulary import ObjectionResult
from rules.working_days import PUSH_WORKING_DAYS, WorkingDays
from store.db.engine import upsert
from store.db.schema import feed_status

_TOTALS = ("last_record_at", "received", "rejected", "held", "listings", "late", "working_days")
_WINDOW_COUNTS = ("start", "added", "removed", "received", "rejected")
"""Fields of ``FeedWindow``; each has a column ``window_…``."""
_REMOVING = (RemoveRecord, RepairRecord, ArchiveRecord)


@dataclass(slots=True)
class FeedCounts:
    """The counts of some authorities while a batch is recorded. ``now`` is in milliseconds."""

    departments: Departments
    working_days: WorkingDays
    now: int
    rows: dict[str, dict[str, int]]
    windows: dict[str, FeedWindow]

    def count(
        self, authority: str, validated: FeedEvent | InvalidRecordError, last_orders: Mapping[str, str]
    ) -> QuarantineCause | None:
        """Count one record; returns the bound that it breaks, if any.

        ``last_orders`` has the order of the last event by listing: a repeated event changes nothing, and only the
        first event of a listing counts as late.
        """
        self.count_arrival(authority, validated)
        row, window = self.rows[authority], self.windows[authority]
        window.received += 1
        department = self.departments.find(authority)
        bounds = department.bounds if department else FeedBounds()
        if isinstance(validated, InvalidRecordError):
            window.rejected += 1
            return exceeded_bound(window, bounds) if department else None
        last = last_orders.get(validated.key, "")
        new = last < validated.order and last[-16:] != validated.digest
        if isinstance(validated.record, ListRecord) and not last:
            days = self._working_days_late(validated.record.determined_on)
            row["working_days"] += days
            row["late"] += days > PUSH_WORKING_DAYS
            row["listings"] += 1
        window.added += new and isinstance(validated.record, ListRecord)
        window.removed += _annuls(validated.record) or (new and isinstance(validated.record, _REMOVING))
        stated = version_as_time(validated.record)
        if stated is not None and stated > self.now + bounds.clock_ahead_seconds * 1000:
            return QuarantineCause.CLOCK_AHEAD
        return exceeded_bound(window, bounds)

    def count_arrival(self, authority: str, validated: FeedEvent | InvalidRecordError) -> None:
        """Count that a record arrived, without checking the bounds."""
        row = self.rows[authority]
        row["received"] += 1
        row["rejected"] += isinstance(validated, InvalidRecordError)
        row["last_record_at"] = self.now

    def _working_days_late(self, determined_on: date) -> int:
        """Working days from a determination to now (办法一 Art. 9)."""
        return working_days_between(self.working_days, determined_on, civil_day(from_milliseconds(self.now)))

    def count_held(self, authority: str) -> None:
        """Count a record that is held."""
        self.rows[authority]["held"] += 1

    def count_refused(self, authority: str, rejected: int) -> None:
        """Count records that the gateway refused."""
        row, window = self.rows[authority], self.windows[authority]
        row["received"] += rejected
        row["rejected"] += rejected
        row["last_record_at"] = self.now
        window.received += rejected
        window.rejected += rejected

    async def write(self, connection: AsyncConnection) -> None:
        """Write the counts back."""
        rows = [
            {"authority": authority}
            | row
            | {f"window_{name}": getattr(self.windows[authority], name) for name in _WINDOW_COUNTS}
            for authority, row in self.rows.items()
        ]
        await upsert(connection, feed_status, rows)


class FeedStatsStore:
    """Counts of feeds in SQL."""

    def __init__(self, departments: Departments, working_days: WorkingDays) -> None:
        self._departments = departments
        self._working_days = working_days

    async def load(self, connection: AsyncConnection, authorities: Collection[str], now: int) -> FeedCounts:
        """The counts of these authorities, to be changed and written within the caller's transaction."""
        query = select(feed_status).where(feed_status.c.authority.in_(authorities))
        found = {row["authority"]: dict(row) for row in (await connection.execute(query)).mappings()}
        rows, windows = {}, {}
        for authority in authorities:
            row: Mapping[str, Any] = found.get(authority, {})
            rows[authority] = {name: row.get(name, 0) for name in _TOTALS}
            counts = {name: row.get(f"window_{name}", 0) for name in _WINDOW_COUNTS}
            windows[authority] = FeedWindow(listed=row.get("listed", 0), **counts).at(now)
        return FeedCounts(self._departments, self._working_days, now, rows, windows)


async def reset_window(connection: AsyncConnection, authority: str) -> None:
    """Let the bounds of an authority count from zero again."""
    zeros = {f"window_{name}": 0 for name in _WINDOW_COUNTS}
    await connection.execute(update(feed_status).where(feed_status.c.authority == authority).values(zeros))


async def add_listed(connection: AsyncConnection, more: Mapping[str, int]) -> None:
    """Add to the number of listings of each authority that are in force."""
    for authority, count in more.items():
        if count:
            fresh = {"listed": feed_status.c.listed + count}
            await connection.execute(update(feed_status).where(feed_status.c.authority == authority).values(fresh))


def _annuls(record: FeedRecord) -> bool:
    """Whether the record upholds an objection. Objections do not compete for the last order, so each one counts."""
    return isinstance(record, ResolveRecord) and record.result is ObjectionResult.UPHELD


@lru_cache(maxsize=4096)
def working_days_between(working_days: WorkingDays, start: date, end: date) -> int:
    """Working days after ``start`` up to ``end``."""
    return working_days.between(start, end).days
