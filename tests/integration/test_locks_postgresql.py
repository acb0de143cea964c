"""Locks on PostgreSQL, whose writers run concurrently: one lock a target, and none that outlives its listing."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
from redis.asyncio import Redis
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from rules.listings.listing import decode_listing
from store.db.engine import connect
from store.db.migrate import migrate
from store.db.schema import CHAINED, decisions, lock_changes, locks
from store.ledger.lock_states import LockState
from store.locks.rows import LockSupportLostError
from store.platforms.outbox import EventStore
from tests.integration.feeding import CHAIN, FeedPipeline
from tests.integration.test_locks import COURT, TAX, TAXED, end, held, request
from tests.postgresql import PostgreSQLServer
from tests.servers import require
from tests.unit.records import record, removal

pytestmark = pytest.mark.postgresql


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgreSQLServer]:
    """One PostgreSQL for these tests."""
    require(PostgreSQLServer.available())
    with PostgreSQLServer(tmp_path_factory.mktemp("postgresql")) as running:
        yield running


@pytest.fixture
async def pg_engine(server: PostgreSQLServer) -> AsyncIterator[AsyncEngine]:
    """A ledger on it."""
    made = connect(server.url)
    await migrate(made)
    yield made
    await made.dispose()


@pytest.fixture
async def pipeline(redis: "Redis", pg_engine: AsyncEngine) -> FeedPipeline:
    """The court's and the taxation bureau's listings of one company."""
    pipeline = FeedPipeline(redis, pg_engine)
    await pipeline.recovery.ensure_loaded()
    await pipeline.feed(record(), record(**TAXED))
    return pipeline


async def count(pipeline: FeedPipeline, table: object) -> int:
    async with pipeline.engine.connect() as connection:
        found: int = (await connection.execute(select(func.count()).select_from(table))).scalar_one()  # type: ignore[arg-type]
        return found


async def test_postgresql_serialises_locks_and_removals(pipeline: FeedPipeline) -> None:
    """Two hundred requests make one lock; forty during a removal leave only lifted locks or none."""
    found = await asyncio.gather(*(held(pipeline, request(), number=n) for n in range(200)))
    assert len({lock.id for (lock,) in found}) == 1
    assert [await count(pipeline, table) for table in (locks, lock_changes, decisions)] == [1, 1, 200]
    row = await pipeline.listing_queries.find(COURT)
    assert row is not None
    assert row.listing is not None
    assert decode_listing(row.listing).authority == "court"

    async def lock(number: int) -> None:
        await asyncio.sleep(number / 2000)
        try:
            await held(pipeline, request(f"account-{number}"), number=1000 + number)
        except LockSupportLostError:
            return

    await asyncio.gather(*(lock(n) for n in range(20)), pipeline.feed(removal()), *(lock(n) for n in range(20, 40)))
    async with pipeline.engine.connect() as connection:
        states = set((await connection.execute(select(locks.c.state))).scalars())
    assert states == {"lifted"}
    events = await EventStore(pipeline.engine).after("shop", 0)
    assert len(events) == await count(pipeline, locks), "each of them emitted an event"

    # Joined, released and lifted at the same moment: the second listing keeps the lock, or a new one is made.
    both = [request("account-both", TAX) for _ in range(10)]
    await asyncio.gather(*(held(pipeline, item, number=2000 + n) for n, item in enumerate(both)))
    (first,) = await pipeline.locks.held_on([both[0].target_key], 0)
    await asyncio.gather(
        end(pipeline, first, LockState.CONFIRMED), *(held(pipeline, both[0], number=3000 + n) for n in range(9))
    )
    assert len(await pipeline.locks.held_on([both[0].target_key], 0)) <= 1
    for table in CHAINED:
        assert [fault async for fault in CHAIN.verify(pipeline.engine, table)] == []
