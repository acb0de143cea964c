"""Feedback in the ledger, given once or corrected; and feeds that are unreliable."""

import asyncio

import pytest
from redis.asyncio import Redis
from sqlalchemy.ext.asyncio import AsyncEngine

from rules.calendar import to_milliseconds
from rules.records.feed_bounds import QuarantineCause
from store.db.schema import CHAINED
from store.feeds.health import FeedHealth
from store.feeds.quarantine import Quarantine
from store.ledger.decisions import DecisionEntry, DecisionStore
from store.platforms.feedback import FeedbackExistsError, FeedbackRow, FeedbackStore, Report
from tests.integration.feeding import CHAIN, NOON, FeedPipeline
from tests.unit.records import record
from tests.unit.validator import DEPARTMENTS, WORKING_DAYS

NOW = to_milliseconds(NOON)
DAY = 86_400_000
DONE = Report("shop", "clerk-7", True, ("P05",))
NOT_DONE = Report("shop", "clerk-7", False, (), "申请人已履行完毕，凭证在卷", "主任-1")


def decision(number: int, due: int | None = NOW, client: str = "shop") -> DecisionEntry:
    return DecisionEntry(f"dec_{number}", NOW - DAY, client, "o", "p", "s", "T", "intercept", b"{}", due)


@pytest.fixture
async def store(engine: AsyncEngine) -> FeedbackStore:
    """Three decisions of a shop and one of a hall wait for feedback; another of the shop's needs none."""
    entries = [decision(1), decision(2, NOW + 1), decision(3), decision(4, None), decision(5, client="hall")]
    await DecisionStore(engine, CHAIN).record(entries)
    return FeedbackStore(engine, CHAIN)


async def test_feedback_is_given_once_unless_corrected(store: FeedbackStore) -> None:
    """A second report is refused with the ID of the first; a correction must name the latest report."""
    first = await store.give("dec_1", DONE, NOW)
    with pytest.raises(FeedbackExistsError) as caught:
        await store.give("dec_1", DONE, NOW)
    assert caught.value.last_id == first.id
    with pytest.raises(FeedbackExistsError):
        await store.give("dec_2", Report("shop", "o", True, corrects="fb_none"), NOW)
    corrected = Report("shop", "clerk-7", False, reason="误报", approved_by="主任-1", corrects=first.id)
    second = await store.give("dec_1", corrected, NOW + 1)
    with pytest.raises(FeedbackExistsError):
        await store.give("dec_1", Report("shop", "o", True, corrects=first.id), NOW + 2)
    assert [row.id for row in await store.of("dec_1")] == [first.id, second.id]


async def test_ten_concurrent_feedbacks_make_one(store: FeedbackStore) -> None:
    """Of ten concurrent reports one is stored."""
    found = await asyncio.gather(*(store.give("dec_1", NOT_DONE, NOW) for _ in range(10)), return_exceptions=True)
    assert sum(isinstance(item, FeedbackRow) for item in found) == 1
    assert all(isinstance(item, FeedbackRow | FeedbackExistsError) for item in found)


async def test_overdue_feedback_is_listed_until_reported(store: FeedbackStore) -> None:
    """The list holds a client's decisions past their date without a report; one with nothing to carry out never."""

    async def waiting(client: str | None, now: int) -> list[str]:
        found, place = list[str](), None
        while page := await store.waiting(client, now, place, 1):
            found.append(page[0].id)
            place = page[0].feedback_due, page[0].id
        return found

    assert await waiting("shop", NOW) == []
    assert await waiting("shop", NOW + 1) == ["dec_1", "dec_3"]
    assert await waiting(None, NOW + 2) == ["dec_1", "dec_3", "dec_5", "dec_2"]
    await store.give("dec_1", NOT_DONE, NOW)
    assert await waiting("shop", NOW + 2) == ["dec_3", "dec_2"]


async def test_every_chained_table_verifies(store: FeedbackStore, engine: AsyncEngine) -> None:
    """Feedback and decisions are part of the hash chain, later columns included."""
    await store.give("dec_1", DONE, NOW)
    for table in CHAINED:
        assert [fault async for fault in CHAIN.verify(engine, table)] == []


async def test_held_and_silent_feeds_are_unreliable(redis: "Redis", engine: AsyncEngine) -> None:
    """Quarantined, silent beyond its interval, or never delivered; a healthy feed is not reported."""
    pipeline = FeedPipeline(redis, engine)
    await pipeline.recovery.ensure_loaded()
    await pipeline.feed(record())
    freshness = FeedHealth(engine, DEPARTMENTS, WORKING_DAYS)
    found = (await freshness.now(NOW)).freshness
    assert "court" not in found
    assert (await freshness.now(NOW)).heard["court"] == NOW
    assert found["taxation"].code == "feed_silent"
    later = (await freshness.now(NOW + 7 * DAY)).freshness
    assert "court" not in later, "five working days are its rhythm, and not yet over"
    assert (await freshness.now(NOW + 8 * DAY)).freshness["court"].code == "feed_silent"
    await Quarantine(engine, CHAIN).open("court", QuarantineCause.SNAPSHOT_EMPTY, NOW)
    held = (await freshness.now(NOW)).freshness["court"]
    assert (held.code, held.detail) == ("feed_held", "snapshot_empty")
