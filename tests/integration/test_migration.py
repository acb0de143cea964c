"""A ledger with rows of an older schema is migrated, on SQLite and on PostgreSQL, and answers as before."""

from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path

import orjson
import pytest
from sqlalchemy import inspect, text
from sqlalchemy.ext.asyncio import AsyncEngine

from store.db.engine import connect
from store.db.migrate import migrate
from store.db.schema import CHAINED, decisions
from store.ledger.decisions import DecisionEntry, DecisionStore
from store.locks.queries import LockFilter, LockQueries
from tests.integration.feeding import CHAIN
from tests.postgresql import PostgreSQLServer
from tests.servers import require

OLD = "0003"
HELD_BY = {
    "lock_a": ["k2", "k1"],  # as the old schema wrote it, in the order of the decisions
    "lock_b": ["k3", "k1"],  # of which lock_listings has only the first
    "lock_c": [],  # rests on missing data
    "lock_d": ["k1"],  # released; lock_listings has nothing of it
}
LISTED = [("lock_a", "k1"), ("lock_a", "k2"), ("lock_b", "k3")]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
async def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[AsyncEngine]:
    """A ledger of the old revision, on SQLite and on PostgreSQL."""
    if request.param == "sqlite":
        made = connect(f"sqlite+aiosqlite:///{tmp_path / 'ledger.sqlite3'}")
        await migrate(made, OLD)
        yield made
        await made.dispose()
        return
    require(PostgreSQLServer.available())
    with PostgreSQLServer(tmp_path) as server:
        made = connect(server.url)
        await migrate(made, OLD)
        yield made
        await made.dispose()


async def fill(ledger: AsyncEngine) -> None:
    """Locks as the old schema held them."""
    rows = [
        {
            "id": lock,
            "client": "shop",
            "target": lock,
            "held_by": orjson.dumps(keys),
            "state": "released" if lock == "lock_d" else "held",
            "ended": 9 if lock == "lock_d" else None,
        }
        for lock, keys in HELD_BY.items()
    ]
    async with ledger.begin() as connection:
        await connection.execute(
            text(
                "INSERT INTO locks (id, client, scope, target, target_key, scene, decision_id, held_by, created_at,"
                " state, expires_at, due_at, ended_at) VALUES (:id, :client, 'account', :target, :target, 's', 'dec_1',"
                " :held_by, 1, :state, 8, 7, :ended)"
            ),
            rows,
        )
        pairs = [{"lock": lock, "key": key} for lock, key in LISTED]
        await connection.execute(text("INSERT INTO lock_listings VALUES (:lock, :key)"), pairs)


async def test_what_supports_a_lock_is_carried_over(ledger: AsyncEngine) -> None:
    """Each lock keeps its listings and its version; the chain still verifies; the JSON copy is gone."""
    await DecisionStore(ledger, CHAIN).record([DecisionEntry("dec_1", 1, "c", "o", "p", "s", "T", "lock", b"{}")])
    await fill(ledger)
    await migrate(ledger)
    found = {lock.id: lock for lock in await LockQueries(ledger).page(LockFilter(), 0, None, 10)}
    assert {lock_id: list(lock.listings) for lock_id, lock in found.items()} == {
        lock_id: sorted(keys) for lock_id, keys in HELD_BY.items()
    }
    for lock_id, keys in HELD_BY.items():
        seen = "\n".join((lock_id, found[lock_id].state, *sorted(keys)))
        assert found[lock_id].version == sha256(seen.encode()).hexdigest()[:16], "an ETag given before is still valid"
    for table in CHAINED:
        assert [fault async for fault in CHAIN.verify(ledger, table)] == []
    async with ledger.connect() as connection:
        columns = await connection.run_sync(lambda sync: {c["name"] for c in inspect(sync).get_columns("locks")})
        indexes = await connection.run_sync(lambda sync: {i["name"] for i in inspect(sync).get_indexes("locks")})
        assert (await CHAIN.head(connection, decisions))[0] == 1
    assert "held_by" not in columns
    assert {"locks_one_held_per_target", "locks_by_target", "locks_by_client", "locks_by_expiry"} <= indexes
