"""How each authority's feed is doing, told for people: against 办法一 Art. 9, and against its own rhythm."""

from collections import defaultdict
from collections.abc import Collection
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from rules.calendar import civil_day, from_milliseconds, rfc3339
from rules.listings.life import life_of
from rules.records.departments import Department, Departments
from rules.records.feed_record import FeedRecord, feed_record_from_json
from rules.working_days import PUSH_WORKING_DAYS, WorkingDays, objection_deadlines
from store.db.schema import feed_events, feed_status, holds, listings
from store.feeds.quarantine import HoldState
from store.feeds.stats import working_days_between
from store.ledger.feed_events import RecordOutcome


class FeedReport:
    """Reads the state of feeds. ``now`` is in milliseconds."""

    def __init__(self, engine: AsyncEngine, departments: Departments, working_days: WorkingDays) -> None:
        self._engine = engine
        self._departments = departments
        self._working_days = working_days

    async def of(self, authorities: Collection[str], now: int) -> list[dict[str, Any]]:
        """One entry for each authority, in the order of ``departments.yaml``; for JSON."""
        async with self._engine.connect() as connection:
            status = select(feed_status).where(feed_status.c.authority.in_(authorities))
            counts = {row["authority"]: dict(row) for row in (await connection.execute(status)).mappings()}
            held = (
                select(holds, func.count(feed_events.c.id).label("records"))
                .join(
                    feed_events,
                    (feed_events.c.hold_id == holds.c.id) & (feed_events.c.outcome == RecordOutcome.HELD),
                    isouter=True,
                )
                .where(holds.c.authority.in_(authorities), holds.c.state == HoldState.OPEN)
                .group_by(holds.c.id)
            )
            open_holds = {row["authority"]: dict(row) for row in (await connection.execute(held)).mappings()}
            objected = (
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
            events: defaultdict[tuple[str, str], list[FeedRecord]] = defaultdict(list)
            for authority, key, record in await connection.execute(objected):
                if record is not None:
                    events[authority, key].append(feed_record_from_json(record))
        objections = self._objections(events, now)
        return [
            self._entry(code, department, counts.get(code, {}), open_holds.get(code), objections[code], now)
            for code, department in self._departments.departments.items()
            if code in authorities
        ]

    def _entry(
        self,
        code: str,
        department: Department,
        counts: dict[str, Any],
        hold: dict[str, Any] | None,
        objections: list[dict[str, Any]],
        now: int,
    ) -> dict[str, Any]:
        last = counts.get("last_record_at", 0)
        silent = self._working_days_since(last, now) if last else None
        rhythm = department.rhythm_days
        taken = counts.get("listings", 0)
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
                "listings": taken,
                "late": counts.get("late", 0),
                "allowed_working_days": PUSH_WORKING_DAYS,
                "mean_working_days": round(counts.get("working_days", 0) / taken, 1) if taken else None,
            },
            "hold": hold and _hold(hold),
            "objections": objections,
        }

    def _objections(
        self, events: dict[tuple[str, str], list[FeedRecord]], now: int
    ) -> defaultdict[str, list[dict[str, Any]]]:
        """The open objections with their clocks (办法一 Art. 16)."""
        today = civil_day(from_milliseconds(now))
        found: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
        for (authority, key), said in events.items():
            for objection in life_of(said, self._working_days).objections:
                clock = objection_deadlines(objection.determined_on, self._working_days)
                found[authority].append(
                    {
                        "listing": key,
                        "objection_no": objection.objection_no,
                        "received_on": objection.determined_on.isoformat(),
                        "verify_by": clock.verify_by.day.isoformat(),
                        "answer_by": clock.review_by.day.isoformat(),
                        "provisional": clock.review_by.provisional,
                        "overdue": clock.review_by.day < today,
                    }
                )
        return found

    def _working_days_since(self, moment: int, now: int) -> int:
        start, end = (civil_day(from_milliseconds(each)) for each in (moment, now))
        return working_days_between(self._working_days, start, end)


def _hold(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": row["id"],
        "cause": row["cause"],
        "since": rfc3339(from_milliseconds(row["opened_at"])),
        "records": row["records"],
    }
