"""The test servers keep their promises: their data survives kill -9, and they end with the test process."""

from __future__ import annotations

import shutil
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
import redis.asyncio

from tests.postgresql import PostgreSQLServer
from tests.redis_server import RedisServer
from tests.servers import Server, listens, require


@pytest.fixture
def postgresql(tmp_path: Path) -> Iterator[PostgreSQLServer]:
    require(PostgreSQLServer.available())
    with PostgreSQLServer(tmp_path / "postgresql") as server:
        yield server


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    require(RedisServer.available())
    with RedisServer(tmp_path / "redis") as server:
        yield server


@pytest.mark.postgresql
async def test_postgresql_keeps_what_was_committed_over_kill_9(postgresql: PostgreSQLServer) -> None:
    """A row committed before SIGKILL is there after a restart on the same port; databases can be added."""
    connection = await asyncpg.connect(_dsn(postgresql.url))
    await connection.execute("create table kept (value int); insert into kept values (42)")
    postgresql.kill()
    connection.terminate()
    postgresql.start()
    connection = await asyncpg.connect(_dsn(postgresql.url))
    assert await connection.fetchval("select value from kept") == 42
    await connection.close()
    connection = await asyncpg.connect(_dsn(postgresql.create_database("another")))
    assert await connection.fetchval("select to_regclass('kept')") is None
    await connection.close()


@pytest.mark.redis_server
async def test_redis_keeps_what_was_written_over_kill_9(redis_server: RedisServer) -> None:
    """The append-only file is on, memory is never freed by eviction, and the data outlives the process."""
    async with redis.asyncio.from_url(redis_server.url) as client:
        await client.set("kept", "42")
        settings = await client.config_get("appendonly", "appendfsync", "maxmemory-policy")
        assert settings == {"appendonly": "yes", "appendfsync": "everysec", "maxmemory-policy": "noeviction"}
    redis_server.kill()
    redis_server.start()
    async with redis.asyncio.from_url(redis_server.url, decode_responses=True) as client:
        assert await client.get("kept") == "42"


@pytest.mark.postgresql
def test_postgresql_dies_with_its_parent(tmp_path: Path) -> None:
    """`kill -9` of the test process leaves no PostgreSQL behind."""
    _assert_dies_with_parent(PostgreSQLServer, tmp_path)


@pytest.mark.redis_server
def test_redis_dies_with_its_parent(tmp_path: Path) -> None:
    """`kill -9` of the test process leaves no Redis behind."""
    _assert_dies_with_parent(RedisServer, tmp_path)


def _assert_dies_with_parent(kind: type[Server], directory: Path) -> None:
    require(kind.available())
    script = f"""
        import os, pathlib
        from {kind.__module__} import {kind.__name__}
        server = {kind.__name__}(pathlib.Path({str(directory)!r}))
        server.start()
        print(server.port, server.home, flush=True)
        os.kill(os.getpid(), 9)
    """
    command = [sys.executable, "-c", textwrap.dedent(script)]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, cwd=root)
    assert done.returncode == -9, done.stderr
    port, home = done.stdout.split(maxsplit=1)
    deadline = time.monotonic() + 10
    while listens(int(port)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not listens(int(port))
    shutil.rmtree(home.strip())


def _dsn(url: str) -> str:
    return url.replace("+asyncpg", "")
