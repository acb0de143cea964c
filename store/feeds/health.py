"""Which feeds are unreliable now: in quarantine, or silent for longer than the authority's own rhythm."""

from collections.abc import Mapping
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from rules.calendar import civil_day, from_milliseconds
from rules.policy.unknown import Unknown
from rules.records.departments import Departments
from rules.working_days import WorkingDays
from store.db.schema import feed_status, holds
from store.feeds.quarantine import QuarantineState
from store.feeds.stats import working_days_between


class FeedHealthSnapshot(NamedTuple):
    """By authority, why its feed is unreliable, and when its last record arrived (milliseconds)."""

    freshness: Mapping[str, Unknown]
    heard: Mapping[str, int]


class FeedHealth:
    """Reads the health of feeds. ``now`` is in milliseconds."""

    def __init__(self, engine: AsyncEngine, departments: Departments, working_days: WorkingDays) -> None:
        self._engine = engine
        self._departments = departments
        self._working_days = working_days

    async def now(self, now: int) -> FeedHealthSnapshot:
        """The health of all feeds; ``freshness`` has no entry for a feed that can be relied on."""
        async with self._engine.connect() as connection:
            status = select(feed_status.c.authority, feed_status.c.last_record_at)
            last = {row[0]: row[1] for row in await connection.execute(status)}
            held = select(holds.c.authority, holds.c.cause).where(holds.c.state == QuarantineState.OPEN)
            freshness = {row[0]: Unknown("feed_held", row[0], row[1]) for row in await connection.execute(held)}
        today = civil_day(from_milliseconds(now))
        for code, department in self._departments.departments.items():
            if code in freshness or department.rhythm_days is None:
                continue
            if not last.get(code):
                freshness[code] = Unknown("feed_silent", code, "never heard of")
                continue
            since = civil_day(from_milliseconds(last[code]))
            silent = working_days_between(self._working_days, since, today)
            if silent > department.rhythm_days:
                freshness[code] = Unknown("feed_silent", code, f"{silent} working days")
        return FeedHealthSnapshot(freshness, last)
