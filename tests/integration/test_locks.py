"""Locks: made once whatever the concurrency, released once, remembered, and shown again after a loss."""

import asyncio

from redis.asyncio import Redis
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from register import layout
from register.database import decisions, lock_changes, locks
from register.decisions import DecisionEntry, DecisionLog
from register.locks import LockBook, LockRequest
from rules.vocabulary import LockScope
from tests.integration.feeding import CHAIN

REQUEST = LockRequest(LockScope.ACCOUNT, "bidder-17", "t" * 32, ("l" * 32,))


def entry(number: int) -> DecisionEntry:
    return DecisionEntry(f"dec_{number}", 1_700_000_000_000 + number, "c", "o", "p", "s", "T", "lock", b"{}")


async def test_two_hundred_at_once_make_one_lock(redis: "Redis", engine: AsyncEngine) -> None:
    """One lock per client and target under any concurrency; every decision is in the ledger."""
    book = LockBook(engine, redis, CHAIN)
    held = await asyncio.gather(*(book.decide_and_hold(entry(n), [REQUEST]) for n in range(200)))
    assert len({lock.id for (lock,) in held}) == 1
    async with engine.connect() as connection:
        counts = [
            (await connection.execute(select(func.count()).select_from(table))).scalar_one()
            for table in (locks, lock_changes, decisions)
        ]
    assert counts == [1, 1, 200]


async def test_release_once_with_its_reason(redis: "Redis", engine: AsyncEngine) -> None:
    """Two people releasing at once: one does, the other is told it is not held; the reason is kept."""
    book = LockBook(engine, redis, CHAIN)
    (lock,) = await book.decide_and_hold(entry(1), [REQUEST])
    assert await redis.get(layout.LOCK + REQUEST.target_key) == lock.id.encode()
    done = await asyncio.gather(*(book.release(lock.id, "c", f"officer-{n}", "身份核实有误", 2) for n in range(5)))
    assert sum(item is not None for item in done) == 1
    assert await redis.get(layout.LOCK + REQUEST.target_key) is None
    found = await book.find(lock.id)
    assert found is not None
    assert [change["state"] for change in found.changes] == ["held", "released"]
    assert found.changes[1]["reason"] == "身份核实有误"
    assert await book.released_listings([REQUEST.target_key]) == {(REQUEST.target_key, "l" * 32)}


async def test_shown_again_after_redis_lost_them(redis: "Redis", engine: AsyncEngine) -> None:
    """The table is the truth: held locks come back to Redis, released ones do not."""
    book = LockBook(engine, redis, CHAIN)
    (kept,) = await book.decide_and_hold(entry(1), [REQUEST])
    other = LockRequest(LockScope.TRANSACTION, "T-9", "u" * 32, ("l" * 32,))
    (gone,) = await book.decide_and_hold(entry(2), [other])
    await book.release(gone.id, "c", "o", "误锁", 3)
    await redis.flushall()
    assert await book.show_all() == 1
    assert await redis.get(layout.LOCK + kept.target_key) == kept.id.encode()


async def test_a_stale_showing_is_taken_away(redis: "Redis", engine: AsyncEngine) -> None:
    """Redis may still show a lock whose release it missed: readers ask the table."""
    book = LockBook(engine, redis, CHAIN)
    (lock,) = await book.decide_and_hold(entry(1), [REQUEST])
    await book.release(lock.id, "c", "o", "误锁", 3)
    await redis.set(layout.LOCK + lock.target_key, lock.id)
    assert await book.find_held(lock.target_key, lock.id) is None
    assert await redis.get(layout.LOCK + lock.target_key) is None


async def test_a_decision_is_written_once(engine: AsyncEngine) -> None:
    """The gateway writes a lock's decision, the stream delivers it again: one row."""
    log = DecisionLog(engine, CHAIN)
    await log.record([entry(1), entry(2)])
    await log.record([entry(2), entry(3)])
    async with engine.connect() as connection:
        assert (await connection.execute(select(func.count()).select_from(decisions))).scalar_one() == 3
    assert (await log.find("dec_2") or {})["operator"] == "o"
