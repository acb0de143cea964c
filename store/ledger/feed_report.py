"""How each authority's feed is doing, as JSON: measured against 办法一 Art. 9 and against its own rhythm."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from typing import NamedTuple, TypedDict

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from rules.calendar import civil_day, from_milliseconds, rfc3339
from rules.listings.life import life_of
from rules.records.departments import Department, Departments
from rules.records.feed_record import FeedRecord, feed_record_from_json
from rules.working_days import PUSH_WORKING_DAYS, WorkingDays, objection_deadlines
from store.db.schema import feed_events, feed_status, holds, listings
from store.feeds.quarantine import QuarantineState
from store.feeds.stats import working_days_between
from store.ledger.feed_event_rows import RecordOutcome


class Arrival(TypedDict):
    """How late new listings arrive, in working days after their determination."""

    listings: int
    late: int
    allowed_working_days: int
    mean_working_days: float | None


class OpenQuarantine(TypedDict):
    """The quarantine of a feed; ``records`` are held."""

    id: str
    cause: str
    since: str
    records: int


class OpenObjection(TypedDict):
    """An objection that is not answered yet, with the days by which it has to be (办法一 Art. 16)."""

    listing: str
    objection_no: str
    received_on: str
    verify_by: str
    answer_by: str
    provisional: bool
    overdue: bool


class FeedEntry(TypedDict):
    """One feed. Days are ISO 8601 dates, moments RFC 3339."""

    authority: str
    name: str
    name_en: str
    last_record_at: str | None
    silent_working_days: int | None
    rhythm_working_days: int | None
    silent_too_long: bool
    received: int
    rejected: int
    held: int
    in_force: int
    arrival: Arrival
    hold: OpenQuarantine | None
    objections: list[OpenObjection]


class _Stored(NamedTuple):
    """What the ledger holds of feeds, by authority."""

    counts: dict[str, Mapping[str, int]]
    quarantines: dict[str, OpenQuarantine]
    objections: dict[tuple[str, str], list[FeedRecord]]
    """By authority and listing: all records of each listing that has an open objection."""


class FeedReport:
    """Reads the state of feeds. ``now`` is in milliseconds."""

    def __init__(self, engine: AsyncEngine, departments: Departments, working_days: WorkingDays) -> None:
        self._engine = engine
        self._departments = departments
        self._working_days = working_days

    async def of(self, authorities: Collection[str], now: int) -> list[FeedEntry]:
        """One entry for each of these authorities, in the order of ``departments.yaml``."""
        async with self._engine.connect() as connection:
            stored = _Stored(
                await _counts(connection, authorities),
                await _quarantines(connection, authorities),
                await _records_with_objections(connection, authorities),
            )
        objections = self._objections(stored.objections, now)
        return [
            self._entry(code, department, stored, objections[code], now)
            for code, department in self._departments.departments.items()
            if code in authorities
        ]

    def _entry(
        self, code: str, department: Department, stored: _Stored, objections: list[OpenObjection], now: int
    ) -> FeedEntry:
        counts = stored.counts.get(code, {})
        last, arrived = counts.get("last_record_at", 0), counts.get("listings", 0)
        silent = self._working_days_since(last, now) if last else None
        rhythm = department.rhythm_days
        return {
            "authority": code,
            "name": department.name,
            "name_en": department.name_en,
            "last_record_at": rfc3339(from_milliseconds(last)) if last else None,
            "silent_working_days": silent,
            "rhythm_working_days": rhythm,
            "silent_too_long": rhythm is not None and (silent is None or silent > rhythm),
            "received": counts.get("received", 0),
            "rejected": counts.get("rejected", 0),
            "held": counts.get("held", 0),
            "in_force": counts.get("listed", 0),
            "arrival": {
                "listings": arrived,
                "late": counts.get("late", 0),
                "allowed_working_days": PUSH_WORKING_DAYS,
                "mean_working_days": round(counts.get("working_days", 0) / arrived, 1) if arrived else None,
            },
            "hold": stored.quarantines.get(code),
            "objections": objections,
        }

    def _objections(
        self, events: Mapping[tuple[str, str], list[FeedRecord]], now: int
    ) -> defaultdict[str, list[OpenObjection]]:
        """By authority, its open objections."""
        today = civil_day(from_milliseconds(now))
        found: defaultdict[str, list[OpenObjection]] = defaultdict(list)
        for (authority, key), records in events.items():
            for objection in life_of(records, self._working_days).objections:
                deadlines = objection_deadlines(objection.determined_on, self._working_days)
                found[authority].append(
                    {
                        "listing": key,
                        "objection_no": objection.objection_no,
                        "received_on": objection.determined_on.isoformat(),
                        "verify_by": deadlines.verify_by.day.isoformat(),
                        "answer_by": deadlines.review_by.day.isoformat(),
                        "provisional": deadlines.review_by.provisional,
                        "overdue": deadlines.review_by.day < today,
                    }
                )
        return found

    def _working_days_since(self, moment: int, now: int) -> int:
        start, end = (civil_day(from_milliseconds(each)) for each in (moment, now))
        return working_days_between(self._working_days, start, end)


async def _counts(connection: AsyncConnection, authorities: Collection[str]) -> dict[str, Mapping[str, int]]:
    query = select(feed_status).where(feed_status.c.authority.in_(authorities))
    return {row["authority"]: dict(row) for row in (await connection.execute(query)).mappings()}


async def _quarantines(connection: AsyncConnection, authorities: Collection[str]) -> dict[str, OpenQuarantine]:
    held = (feed_events.c.hold_id == holds.c.id) & (feed_events.c.outcome == RecordOutcome.HELD)
    query = (
        select(holds, func.count(feed_events.c.id).label("records"))
        .join(feed_events, held, isouter=True)
        .where(holds.c.authority.in_(authorities), holds.c.state == QuarantineState.OPEN)
        .group_by(holds.c.id)
    )
    return {
        row["authority"]: {
            "id": row["id"],
            "cause": row["cause"],
            "since": rfc3339(from_milliseconds(row["opened_at"])),
            "records": row["records"],
        }
        for row in (await connection.execute(query)).mappings()
    }


async def _records_with_objections(
    connection: AsyncConnection, authorities: Collection[str]
) -> dict[tuple[str, str], list[FeedRecord]]:
    query = (
        select(listings.c.authority, listings.c.key, feed_events.c.record)
        .join(feed_events, feed_events.c.listing_key == listings.c.key)
        .where(
            listings.c.objections > 0,
            listings.c.origin_key.is_(None),
            listings.c.authority.in_(authorities),
            feed_events.c.ordering.is_not(None),
        )
        .order_by(feed_events.c.listing_key, feed_events.c.ordering)
    )
    found: defaultdict[tuple[str, str], list[FeedRecord]] = defaultdict(list)
    for authority, key, record in await connection.execute(query):
        if record is not None:
            found[authority, key].append(feed_record_from_json(record))
    return found
