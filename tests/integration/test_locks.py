"""Locks are made once under any concurrency, ended once, lifted with their last listing, and restored to Redis."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import pytest
from redis.asyncio import Redis
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.background import keep_locks_shown
from gateway.checks.held_locks import repair_lock_keys
from rules.calendar import SHANGHAI, to_milliseconds
from rules.vocabulary import LockScope
from store.db.schema import decisions, lock_changes, locks
from store.ledger.decisions import DecisionEntry, DecisionStore
from store.ledger.lock_states import LockState
from store.locks.queries import LockFilter, LockQueries
from store.locks.rows import Lock, LockRequest, LockSupportLostError, LockTerms
from store.platforms.outbox import EventStore
from store.register import keys as register_keys
from tests.integration.feeding import CHAIN, NOON, FeedPipeline
from tests.unit.records import record, removal
from tests.unit.validator import KEYS

DAY = 86_400_000
NOW = to_milliseconds(NOON)
COURT, TAX = KEYS.listing("court", "R-1"), KEYS.listing("taxation", "R-2")
TAXED = {"authority": "taxation", "record_no": "R-2", "category": "C04"}


@pytest.fixture
async def pipeline(redis: "Redis", engine: AsyncEngine) -> FeedPipeline:
    """A register with two severe listings of one company: the court's and the taxation bureau's."""
    pipeline = FeedPipeline(redis, engine)
    await pipeline.recovery.ensure_loaded()
    await pipeline.feed(record(), record(**TAXED))
    return pipeline


def request(target: str = "bidder-17", *listings: str) -> LockRequest:
    key = KEYS.lock_target("shop", LockScope.ACCOUNT, target)
    return LockRequest(LockScope.ACCOUNT, target, key, listings or (COURT,))


def unfounded(target: str = "bidder-17") -> LockRequest:
    """A lock for an unknown status: no listing supports it."""
    return LockRequest(LockScope.ACCOUNT, target, KEYS.lock_target("shop", LockScope.ACCOUNT, target), ())


def entry(number: int) -> DecisionEntry:
    return DecisionEntry(f"dec_{number}", NOW, "shop", "o", "p", "s", "T", "lock", b"{}", listings=(COURT,))


def entries(number: int) -> Callable[[Sequence[Lock]], DecisionEntry]:
    return lambda _locks: entry(number)


def terms(number: int = 1, now: int = NOW) -> LockTerms:
    return LockTerms("shop", "o", "s", f"dec_{number}", now, now + DAY, now + 30 * DAY)


async def held(pipeline: FeedPipeline, *requests: LockRequest, number: int = 1, now: int = NOW) -> list[Lock]:
    return await pipeline.locks.acquire_with_decision(entries(number), requests, terms(number, now))


async def end(
    pipeline: FeedPipeline, lock: Lock, state: LockState = LockState.RELEASED, operator: str = "o"
) -> Lock | None:
    return await pipeline.locks.end(
        lock.id, state, client="c", operator=operator, reason="身份核实有误", now=NOW + 1, document_no="函〔2026〕7号"
    )


async def event_types(pipeline: FeedPipeline, client: str = "shop") -> list[str]:
    return [event.type for event in await EventStore(pipeline.engine).after(client, 0)]


async def test_concurrent_requests_make_one_lock(pipeline: FeedPipeline) -> None:
    """One lock per client and target under any concurrency; every decision is in the ledger."""
    found = await asyncio.gather(*(held(pipeline, request(), number=n) for n in range(200)))
    assert len({lock.id for (lock,) in found}) == 1
    async with pipeline.engine.connect() as connection:
        counts = [
            (await connection.execute(select(func.count()).select_from(table))).scalar_one()
            for table in (locks, lock_changes, decisions)
        ]
    assert counts == [1, 1, 200]


async def test_lock_is_released_once(pipeline: FeedPipeline) -> None:
    """Of five concurrent releases one succeeds and the others get None; reason and document are stored."""
    (lock,) = await held(pipeline, request())
    assert await pipeline.redis.get(register_keys.lock(lock.target_key)) == lock.id.encode()
    done = await asyncio.gather(*(end(pipeline, lock, operator=f"officer-{n}") for n in range(5)))
    assert sum(item is not None for item in done) == 1
    assert await pipeline.redis.get(register_keys.lock(lock.target_key)) is None
    found = await pipeline.locks.find(lock.id)
    assert found is not None
    assert [change.state for change in found.changes] == ["held", "released"]
    assert (found.changes[1].reason, found.changes[1].document_no) == ("身份核实有误", "函〔2026〕7号")
    assert await pipeline.locks.released_listings([lock.target_key]) == {(lock.target_key, COURT)}
    assert await event_types(pipeline) == ["lock.released"]


@pytest.mark.parametrize("state", [LockState.CONFIRMED, LockState.LIFTED])
async def test_only_released_locks_are_remembered(pipeline: FeedPipeline, state: LockState) -> None:
    """A confirmed lock, or one without a listing that was lifted, does not stop a new lock."""
    (lock,) = await held(pipeline, request() if state is LockState.CONFIRMED else unfounded())
    assert await end(pipeline, lock, state)
    assert await pipeline.locks.released_listings([lock.target_key]) == set()
    (again,) = await held(pipeline, request(), number=2)
    assert again.id != lock.id


async def test_lock_is_lifted_with_its_last_listing(pipeline: FeedPipeline) -> None:
    """Two listings support one lock: it ends with the second of them, at once, and emits an event."""
    (lock,) = await held(pipeline, request("bidder-17", COURT))
    (same,) = await held(pipeline, request("bidder-17", TAX), number=2)
    assert (same.id, set(same.listings)) == (lock.id, {COURT, TAX})
    await pipeline.feed(removal())
    assert await pipeline.locks.held_on([lock.target_key], NOW) != []
    await pipeline.feed(removal(**{k: TAXED[k] for k in ("authority", "record_no")}))
    found = await pipeline.locks.find(lock.id)
    assert found is not None
    assert (found.state, found.changes[-1].state) == ("lifted", "lifted")
    assert TAX in (found.changes[-1].reason or "")
    assert await pipeline.redis.get(register_keys.lock(lock.target_key)) is None
    (event,) = await EventStore(pipeline.engine).after("shop", 0)
    assert (event.type, lock.id.encode() in event.data, b"removed" in event.data) == ("lock.lifted", True, True)


REPAIR = {
    "operation": "repair",
    "publicity_from": "2026-11-02",
    "document_no": "修复1号",
    "determined_on": "2026-11-02",
}
OBJECTION = {"operation": "object", "objection_no": "YY-1", "concerns": "listing", "determined_on": "2026-11-10"}
UPHELD = {
    "operation": "object_resolve",
    "objection_no": "YY-1",
    "result": "upheld",
    "document_no": "更正1号",
    "determined_on": "2026-11-18",
}


@pytest.mark.parametrize(
    ("events", "state"),
    [
        ([REPAIR], "repaired"),
        ([OBJECTION, UPHELD], "annulled"),
        (
            [
                record(
                    operation="correct",
                    severity="general",
                    version=3,
                    correction_document_no="更正2号",
                    corrected_on="2026-11-20",
                )
            ],
            "in_force",
        ),
    ],
)
async def test_each_end_of_a_listing_lifts_its_lock(
    pipeline: FeedPipeline, events: list[dict[str, Any]], state: str
) -> None:
    """A repair, an upheld objection and a correction to a measure that only warns each lift the lock."""
    (lock,) = await held(pipeline, request())
    own = {"record_no": "R-1", "authority": "court", "version": 2}
    await pipeline.feed(*(own | event for event in events))
    found = await pipeline.locks.find(lock.id)
    assert found is not None
    assert found.state == "lifted"
    row = await pipeline.listing_queries.find(COURT)
    assert row is not None
    assert row.state == state


async def test_expiry_of_a_listing_lifts_its_lock(pipeline: FeedPipeline) -> None:
    """At the end of the last day the sweep ends the listing, and the lock with it, without an officer's act."""
    await pipeline.feed(record(record_no="R-3", determined_on="2023-11-23"))
    key = KEYS.listing("court", "R-3")
    (lock,) = await held(pipeline, request("bidder-18", key))
    await pipeline.advance(hours=11)
    assert await pipeline.locks.held_on([lock.target_key], NOW) != []
    await pipeline.advance(hours=2)
    assert await pipeline.locks.held_on([lock.target_key], NOW) == []
    assert await event_types(pipeline) == ["lock.lifted"]


async def test_removed_listing_supports_no_new_lock(pipeline: FeedPipeline) -> None:
    """When the listing ends after the look-up, no lock is made and nothing is written."""
    await pipeline.feed(removal())
    with pytest.raises(LockSupportLostError) as caught:
        await held(pipeline, request("bidder-19", COURT, TAX))
    assert caught.value.keys == {COURT}
    assert await DecisionStore(pipeline.engine, CHAIN).find("dec_1") is None


async def test_concurrent_removals_leave_no_lock(pipeline: FeedPipeline) -> None:
    """In any order of lock requests and the removal of their listing, no lock outlives the listing."""

    async def lock(number: int) -> None:
        try:
            await held(pipeline, request(f"account-{number}"), number=number)
        except LockSupportLostError:
            return

    await asyncio.gather(*(lock(n) for n in range(20)), pipeline.feed(removal()), *(lock(n) for n in range(20, 40)))
    async with pipeline.engine.connect() as connection:
        states = set((await connection.execute(select(locks.c.state))).scalars())
    assert states <= {"lifted"}


async def test_lock_ends_with_its_term(pipeline: FeedPipeline) -> None:
    """A lock ends at its term, before any sweep: it is stored as expired, emits an event, and can be made again."""
    (lock,) = await held(pipeline, request())
    over = lock.expires_at
    assert await pipeline.locks.held_on([lock.target_key], over - 1) != []
    assert await pipeline.locks.held_on([lock.target_key], over) == []
    (renewed,) = await held(pipeline, request(), number=2, now=over)
    assert renewed.id != lock.id
    found = await pipeline.locks.find(lock.id)
    assert found is not None
    assert found.state == "expired"
    assert [item.id for item in await pipeline.locks.expire_due(renewed.expires_at)] == [renewed.id]
    assert await pipeline.locks.expire_due(renewed.expires_at) == []
    assert await event_types(pipeline) == ["lock.expired", "lock.expired"]


async def test_locks_are_restored_to_an_empty_redis(pipeline: FeedPipeline) -> None:
    """Locks are restored from the ledger: held ones come back to Redis, released ones do not."""
    kept, gone = await held(pipeline, request(), request("other"))
    await end(pipeline, gone)
    await pipeline.redis.flushall()
    assert await pipeline.locks.show_all() == 1
    assert await pipeline.redis.get(register_keys.lock(kept.target_key)) == kept.id.encode()


async def test_hiding_a_lock_spares_a_newer_one(pipeline: FeedPipeline) -> None:
    """A late removal of one lock's entry does not remove the entry of a newer lock."""
    (first,) = await held(pipeline, request())
    await end(pipeline, first, LockState.CONFIRMED)
    (second,) = await held(pipeline, request(), number=2)
    await pipeline.locks.hide([(first.target_key, first.id)])
    assert await pipeline.redis.get(register_keys.lock(second.target_key)) == second.id.encode()


async def test_locks_are_paged_and_filtered(pipeline: FeedPipeline) -> None:
    """Every lock is on exactly one page, newest first; overdue means held past its review date."""
    found = [(await held(pipeline, request(f"a-{n}"), number=n, now=NOW + n // 2))[0] for n in range(7)]
    await end(pipeline, found[0])
    pages = LockQueries(pipeline.engine)
    seen: list[str] = []
    place = None
    while page := await pages.page(LockFilter(client="shop"), NOW, place, 3):
        seen += [lock.id for lock in page]
        place = page[-1].created_at, page[-1].id
    assert len(seen) == len(set(seen)) == 7
    assert {lock.id for lock in found[-1:]} < set(seen[:2])
    late = NOW + 2 * DAY
    assert len(await pages.page(LockFilter(overdue=True), late, None, 50)) == 6
    assert await pages.page(LockFilter(overdue=True), NOW, None, 50) == []
    assert [lock.id for lock in await pages.page(LockFilter(state=LockState.RELEASED), NOW, None, 9)] == [found[0].id]
    assert await pages.page(LockFilter(client="another"), NOW, None, 50) == []
    assert await pages.overdue(late) == {"s": 6}


async def test_a_decision_is_written_once(engine: AsyncEngine) -> None:
    """The gateway writes a lock's decision, the stream delivers it again: one row."""
    log = DecisionStore(engine, CHAIN)
    await log.record([entry(1), entry(2)])
    await log.record([entry(2), entry(3)])
    async with engine.connect() as connection:
        assert (await connection.execute(select(func.count()).select_from(decisions))).scalar_one() == 3
    found = await log.find("dec_2")
    assert found is not None
    assert found.operator == "o"


async def test_joined_listing_keeps_its_lock(pipeline: FeedPipeline) -> None:
    """A lock without a listing is not lifted once a listing joined it."""
    (lock,) = await held(pipeline, unfounded())
    (joined,) = await held(pipeline, request(), number=2)
    assert joined.id == lock.id
    assert await end(pipeline, lock, LockState.LIFTED) is None
    assert [item.id for item in await pipeline.locks.held_on([lock.target_key], NOW)] == [lock.id]


async def test_listing_of_another_subject_supports_no_lock(pipeline: FeedPipeline) -> None:
    """The listing was corrected to another subject between look-up and lock."""
    given = LockTerms("shop", "o", "s", "dec_1", NOW, NOW + DAY, NOW + 30 * DAY, (KEYS.subject("org:nobody"),))
    with pytest.raises(LockSupportLostError):
        await pipeline.locks.acquire_with_decision(entries(1), [request()], given)
    async with pipeline.engine.connect() as connection:
        assert (await connection.execute(select(func.count()).select_from(locks))).scalar_one() == 0


async def test_overwritten_lock_entry_is_repaired_on_read(pipeline: FeedPipeline) -> None:
    """The entry of a released lock overwrites that of the next; the next check repairs it."""
    (first,) = await held(pipeline, request())
    await end(pipeline, first)
    (second,) = await held(pipeline, request("bidder-17", TAX), number=2)
    place = register_keys.lock(second.target_key)
    await pipeline.redis.set(place, first.id)
    found = await pipeline.locks.held_on([second.target_key], NOW)
    await repair_lock_keys(pipeline.locks, {second.target_key: first.id}, found)
    assert [lock.id for lock in found] == [second.id]
    assert await pipeline.redis.get(place) == second.id.encode()


async def test_missing_lock_entry_is_restored(pipeline: FeedPipeline) -> None:
    """When a process is killed before it writes the Redis entry, another writes it in its next interval."""
    (lock,) = await held(pipeline, request())
    await pipeline.redis.delete(register_keys.lock(lock.target_key))
    keeping = asyncio.create_task(keep_locks_shown(pipeline.locks, interval_s=0.1))
    async with asyncio.timeout(10):
        while await pipeline.redis.get(register_keys.lock(lock.target_key)) is None:  # noqa: ASYNC110 - another task's work
            await asyncio.sleep(0.05)
        await pipeline.redis.delete(register_keys.lock(lock.target_key))
        while await pipeline.redis.get(register_keys.lock(lock.target_key)) is None:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    keeping.cancel()
    await asyncio.gather(keeping, return_exceptions=True)


async def test_lock_ends_with_listing_before_the_sweep(pipeline: FeedPipeline) -> None:
    """The lock holds on the listing's last day and not on the next, though no sweep has run."""
    last = "2026-11-23"
    await pipeline.feed(record(record_no="R-3", valid_until=last))
    (lock,) = await held(pipeline, request("bidder-18", KEYS.listing("court", "R-3")))
    midnight = to_milliseconds(datetime(2026, 11, 24, tzinfo=SHANGHAI))
    assert await pipeline.locks.held_on([lock.target_key], midnight - 1)
    assert not await pipeline.locks.held_on([lock.target_key], midnight)
