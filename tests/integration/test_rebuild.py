"""A rebuild beside the running register: no look-up fails, no change is missed, nothing stale stays."""

import asyncio
from typing import Any

import pytest
from redis.asyncio import Redis
from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import AsyncEngine

from rules.calendar import civil_day, to_milliseconds
from store.db.schema import listings
from store.register import keys as register_keys
from store.register import rebuild
from store.register.diff import Difference, RegisterDiff
from store.register.rebuild import Rebuild, RebuildRunningError
from store.register.verify import Verification
from store.register.writer import RegisterNotLoadedError
from tests.e2e.program import credit_code
from tests.integration.feeding import FeedPipeline
from tests.unit.records import record as listed
from tests.unit.records import removal

MANY = 60


@pytest.fixture(autouse=True)
def no_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Old keys are deleted at once: no test holds an old generation across the swap."""
    monkeypatch.setattr(rebuild, "GRACE_S", 0.05)


@pytest.fixture
async def pipeline(redis: "Redis", engine: AsyncEngine) -> FeedPipeline:
    """A register of sixty companies, one of them removed again, one with a severe listing and a person."""
    pipeline = FeedPipeline(redis, engine)
    await pipeline.recovery.ensure_loaded()
    await pipeline.feed(*(record_of(n) for n in range(MANY)))
    await pipeline.feed(removal(record_no="L-0"))
    return pipeline


def record_of(number: int) -> dict[str, Any]:
    return listed(record_no=f"L-{number}", subject={"id": credit_code(number)})


async def rebuilt(pipeline: FeedPipeline) -> Any:  # noqa: ANN401
    return await Rebuild(pipeline.engine, pipeline.redis, pipeline.listing_store).run(
        to_milliseconds(pipeline.now), civil_day(pipeline.now)
    )


async def verified(pipeline: FeedPipeline) -> RegisterDiff:
    return await Verification(pipeline.engine, pipeline.redis, pipeline.listing_store).run(
        civil_day(pipeline.now), pause=0.05
    )


async def test_verify_finds_no_difference_after_rebuild(pipeline: FeedPipeline) -> None:
    """Counts and digests of ledger and register agree before and after, and no key of the old generation is left."""
    before = await verified(pipeline)
    assert (before.clean, before.counts, before.ledger.count) == (True, {}, MANY - 1)
    done = await rebuilt(pipeline)
    after = await verified(pipeline)
    assert (after.clean, after.register.digest, done.corrected) == (True, before.register.digest, 0)
    assert (await pipeline.reader.state()).listings == MANY - 1
    old = register_keys.subject(register_keys.FIRST_GENERATION, "*")
    assert [key async for key in pipeline.redis.scan_iter(match=old)] == []
    assert await pipeline.listed(credit_code(5)) == 1
    await pipeline.feed(record_of(MANY))
    assert await pipeline.listed(credit_code(MANY)) == 1


async def test_checks_and_feeds_go_on_meanwhile(pipeline: FeedPipeline) -> None:
    """Look-ups during the swap always find the listing; records fed meanwhile are in the new register."""
    done, lookups = asyncio.Event(), 0

    async def ask() -> None:
        nonlocal lookups
        while not done.is_set():
            assert await pipeline.listed(credit_code(7)) == 1
            lookups += 1

    async def feed() -> None:
        number = 1000
        while not done.is_set():
            await pipeline.feed(record_of(number), removal(record_no=f"L-{number - 1}"))
            number += 1

    tasks = [asyncio.create_task(ask()), asyncio.create_task(feed())]
    for _ in range(3):
        await rebuilt(pipeline)
    done.set()
    await asyncio.gather(*tasks)
    assert lookups > 10
    result = await verified(pipeline)
    assert (result.clean, result.counts) == (True, {})


async def test_next_rebuild_clears_an_interrupted_one(pipeline: FeedPipeline) -> None:
    """Keys and marker of an unfinished rebuild are harmless and are deleted; a second rebuild at once is refused."""
    await pipeline.redis.hset(register_keys.METADATA, mapping={"building": "dead", "building_listings": "3"})
    await pipeline.feed(record_of(300))
    await rebuilt(pipeline)
    assert [key async for key in pipeline.redis.scan_iter(match="cg:dead:*")] == []
    await pipeline.redis.set(register_keys.REBUILD_LOCK, "another")
    with pytest.raises(RebuildRunningError):
        await rebuilt(pipeline)
    await pipeline.redis.delete(register_keys.REBUILD_LOCK)
    assert (await verified(pipeline)).clean


async def test_rebuild_needs_a_loaded_register(redis: "Redis", engine: AsyncEngine) -> None:
    """Filling an empty Redis is the worker's task; rebuild and verify refuse it."""
    pipeline = FeedPipeline(redis, engine)
    with pytest.raises(RegisterNotLoadedError):
        await rebuilt(pipeline)
    with pytest.raises(RegisterNotLoadedError):
        await verified(pipeline)


async def test_verify_names_and_repairs_tampering(pipeline: FeedPipeline) -> None:
    """Each kind of damage to rows or register is reported by listing, and a rebuild repairs all of them."""
    rows = [change async for page in pipeline.listing_queries.changes_since(0) for change in page if change.places]
    missing, other, moved, altered = rows[:4]
    generation = register_keys.FIRST_GENERATION
    for place in missing.places:
        await pipeline.redis.hdel(register_keys.subject(generation, place), missing.key)
    await pipeline.redis.delete(register_keys.listing(generation, missing.key))
    await pipeline.redis.hset(register_keys.subject(generation, other.places[0]), other.key, moved.listing)
    await pipeline.redis.hset(register_keys.subject(generation, moved.places[0]), "f" * 32, moved.listing)
    async with pipeline.engine.begin() as connection:
        await connection.execute(text("UPDATE listings SET state = 'removed' WHERE key = :key"), {"key": altered.key})
        await connection.execute(
            insert(listings),
            [
                {"key": "e" * 32, "version": 1, "authority": "court", "decisive": False, "state": "in_force"}
                | {"provisional": False, "objections": 0}
            ],
        )
    found = await verified(pipeline)
    assert not found.clean
    assert found.examples == {
        Difference.MISSING: [missing.key],
        Difference.DIFFERS: [other.key],
        Difference.EXTRA: sorted([altered.key, "f" * 32]),
        Difference.ROW_DIFFERS: [altered.key],
        Difference.ROW_WITHOUT_EVENTS: ["e" * 32],
    }
    assert (await rebuilt(pipeline)).corrected == 2
    assert (await verified(pipeline)).clean


async def test_pending_expiry_is_no_difference(pipeline: FeedPipeline) -> None:
    """Between midnight and the sweep an expired listing is no difference: decisions go by the day anyway."""
    assert (await verified(pipeline)).clean
    pipeline.now = pipeline.now.replace(year=pipeline.now.year + 4)
    assert (await verified(pipeline)).clean
    await pipeline.keep_up()
    after = await verified(pipeline)
    assert (after.clean, after.register.count) == (True, 0)
