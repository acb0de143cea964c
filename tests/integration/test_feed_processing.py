"""Feed processing without Faust: validator, ledger, register, and recovery after a failure between them."""

from typing import Any

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from sqlalchemy.ext.asyncio import AsyncEngine

from store.ledger.feed_events import record_counts
from tests.integration.feeding import FeedPipeline
from tests.unit.records import ORGANISATION, record, removal
from tests.unit.validator import KEYS

SUBJECT = KEYS.subject(f"org:{ORGANISATION[8:17]}")


@pytest.fixture
async def pipeline(redis: "Redis", engine: AsyncEngine) -> FeedPipeline:
    made = FeedPipeline(redis, engine)
    await made.recovery.ensure_loaded()
    return made


async def test_records_are_applied_superseded_or_rejected(pipeline: FeedPipeline) -> None:
    """Each outcome stands in the ledger, and the receipt tells it record by record."""
    await pipeline.receipts.open("rcp_1", "court", "c", 4, [{"index": 3, "status": "rejected", "code": "x"}], 0)
    batch = [
        pipeline.message(record(version=5), "rcp_1:0"),
        pipeline.message(record(version=4), "rcp_1:1"),
        pipeline.message(record(version=6, category="C01"), "rcp_1:2"),
    ]
    await pipeline.processor.process(batch)
    receipt = await pipeline.receipts.find("rcp_1")
    assert receipt is not None
    assert [item["status"] for item in receipt.results] == ["applied", "superseded", "rejected", "rejected"]
    assert receipt.results[2]["code"] == "category_not_permitted"
    assert [fault.code for _, fault in pipeline.dead_letters.letters] == ["category_not_permitted"]
    assert await pipeline.listed() == 1


@pytest.mark.parametrize("value", [None, b"", b"\xff\xfe", b"[1]", b"7", b"{}", b"x" * 70_000])
async def test_invalid_records_become_dead_letters(pipeline: FeedPipeline, value: bytes | None) -> None:
    """Whatever bytes arrive, the next record is applied."""
    await pipeline.processor.process([pipeline.message(value), pipeline.message(record())])
    assert len(pipeline.dead_letters.letters) == 1
    assert await pipeline.listed() == 1


async def test_delivered_twice_is_written_once(pipeline: FeedPipeline) -> None:
    """At least once: the same events again change neither ledger nor register."""
    batch = [pipeline.message(record(), "rcp_2:0"), pipeline.message(removal()), pipeline.message(b"poison")]
    for _ in range(3):
        await pipeline.processor.process(batch)
    assert await record_counts(pipeline.engine) == {"applied": 2, "rejected": 1}
    assert await pipeline.listed() == 0


async def test_crash_between_ledger_and_register_is_recovered(
    pipeline: FeedPipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker dies after the ledger and before the register: on redelivery the listing is applied."""
    message = pipeline.message(record(), "rcp_3:0")

    async def die(_claims: object) -> list[int]:
        raise KeyboardInterrupt

    monkeypatch.setattr(pipeline.writer, "apply", die)
    with pytest.raises(KeyboardInterrupt):
        await pipeline.processor.process([message])
    monkeypatch.undo()
    assert await record_counts(pipeline.engine) == {"applied": 1}
    await pipeline.processor.process([message])
    assert await pipeline.listed() == 1
    assert await record_counts(pipeline.engine) == {"applied": 1}


async def test_empty_redis_is_filled_from_the_ledger(pipeline: FeedPipeline) -> None:
    """An emptied Redis is noticed by the guard, and by the next record, and is whole again after."""
    await pipeline.processor.process([pipeline.message(record()), pipeline.message(record(record_no="R-2"))])
    before = await pipeline.reader.look_up([SUBJECT])
    await pipeline.redis.flushall()
    await pipeline.recovery.ensure_loaded()
    after = await pipeline.reader.look_up([SUBJECT])
    assert after.listings == before.listings
    assert after.state.epoch != before.state.epoch
    await pipeline.redis.flushall()
    await pipeline.processor.process([pipeline.message(removal())])
    assert await pipeline.listed() == 1


async def test_lost_redis_tail_is_applied_again(redis: "Redis", engine: AsyncEngine) -> None:
    """Redis comes back without its last second: a worker that starts brings the tail in again."""
    first = FeedPipeline(redis, engine)
    await first.recovery.ensure_loaded()
    await first.processor.process([first.message(record())])
    dump = {key: await redis.dump(key) async for key in redis.scan_iter("*")}
    await first.processor.process([first.message(removal())])
    await redis.flushall()
    for key, value in dump.items():
        assert value is not None
        await redis.restore(key, 0, value)
    assert await first.listed() == 1  # what Redis now believes
    restarted = FeedPipeline(redis, engine)
    await restarted.recovery.ensure_loaded()
    assert await restarted.listed() == 0


async def test_worker_waits_for_an_outage_to_end(pipeline: FeedPipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    """Redis away for a few tries: nothing is rejected, nothing lost, nothing raised."""
    real, failures = pipeline.writer.apply, iter(range(3))

    async def flaky(claims: Any) -> list[int]:  # noqa: ANN401
        if next(failures, None) is not None:
            raise RedisConnectionError("away")
        return await real(claims)

    monkeypatch.setattr(pipeline.writer, "apply", flaky)
    await pipeline.processor.process([pipeline.message(record())])
    assert await pipeline.listed() == 1
