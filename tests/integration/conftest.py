"""Real servers for the integration tests: one Valkey for the session, flushed before each test; a ledger per test."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import redis.asyncio as redis_client
from redis.asyncio import Redis
from sqlalchemy.ext.asyncio import AsyncEngine

from store.db.engine import connect
from store.db.migrate import migrate
from tests.integration.valkey_server import ValkeyServer


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ValkeyServer]:
    """One embedded Valkey."""
    server = ValkeyServer(tmp_path_factory.mktemp("valkey"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
async def redis(valkey: ValkeyServer) -> AsyncIterator["Redis"]:
    """An empty Redis."""
    async with redis_client.from_url(valkey.url) as client:
        await client.flushall()
        yield client


@pytest.fixture(scope="session")
def empty_ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file, to be copied: cheaper than migrating for each test."""
    path = tmp_path_factory.mktemp("ledger") / "empty.sqlite3"

    async def make() -> None:
        made = connect(f"sqlite+aiosqlite:///{path}")
        await migrate(made)
        await made.dispose()

    asyncio.run(make())
    assert not path.with_name(f"{path.name}-wal").exists()
    return path


@pytest.fixture
async def engine(tmp_path: Path, empty_ledger: Path) -> AsyncIterator[AsyncEngine]:
    """An empty ledger on SQLite."""
    path = tmp_path / "ledger.sqlite3"
    shutil.copy(empty_ledger, path)
    made = connect(f"sqlite+aiosqlite:///{path}")
    yield made
    await made.dispose()
