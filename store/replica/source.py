"""What a replica reads from the register's Redis server: identity, metadata, sequence, keys and changes."""

import asyncio
from collections.abc import AsyncIterator
from time import monotonic
from typing import Any, NamedTuple

from redis.asyncio import Redis
from redis.exceptions import RedisError

from store.broker.stream_answers import rows_by_stream
from store.register import keys as register_keys
from store.register.metadata import FIELDS, RegisterMetadata, last_sequence, parse_metadata

ANSWER_DEADLINE_S = 2.0
CHANGES_PER_READ = 5000
_SCAN_COUNT = 20_000

ChangeEntry = tuple[bytes, dict[bytes, bytes]]
"""An entry of the change log: stream id and fields, see ``store.register.keys.CHANGE_LOG``."""


class ServerIdentity(NamedTuple):
    """The run of the server and its replication history; a server that followed another one has a new history."""

    run_id: str
    replication_id: str


class RegisterPosition(NamedTuple):
    """The state of the register at one moment: its server, its metadata, its sequence."""

    server: ServerIdentity
    metadata: RegisterMetadata | None
    """None: the register is not loaded."""
    read_at: float
    """When the metadata was read, by ``time.monotonic``."""
    sequence: int


async def read_position(connection: "Redis") -> RegisterPosition:
    """Read the position. Raises ``RedisError``, ``OSError`` or ``TimeoutError``."""
    async with asyncio.timeout(ANSWER_DEADLINE_S):
        server, replication = await connection.info("server"), await connection.info("replication")
        pipeline = connection.pipeline(transaction=True)
        pipeline.hmget(register_keys.METADATA, *FIELDS)
        pipeline.time()
        values, clock = await pipeline.execute()
        read_at = monotonic()
        last: Any = await connection.xrevrange(register_keys.CHANGE_LOG, count=1)
    identity = ServerIdentity(str(server["run_id"]), str(replication["master_replid"]))
    return RegisterPosition(identity, parse_metadata(values, clock), read_at, last_sequence(last))


async def read_changes(connection: "Redis", sequence: int, block_ms: int | None) -> list[ChangeEntry]:
    """At most ``CHANGES_PER_READ`` changes after that sequence; waits up to ``block_ms`` for the first one."""
    after: Any = {register_keys.CHANGE_LOG: f"0-{sequence}"}
    async with asyncio.timeout(ANSWER_DEADLINE_S):
        answer = await connection.xread(after, count=CHANGES_PER_READ, block=block_ms)
    return [entry for _, entries in rows_by_stream(answer) for entry in entries]


async def scan(connection: "Redis", prefix: str) -> AsyncIterator[list[bytes]]:
    """All keys with that prefix, in pages: each key that exists throughout at least once."""
    cursor = 0
    while True:
        async with asyncio.timeout(ANSWER_DEADLINE_S):
            answer: Any = await connection.scan(cursor, match=f"{prefix}*", count=_SCAN_COUNT)
        cursor = int(answer[0])
        yield answer[1]
        if cursor == 0:
            return


async def close(connection: "Redis") -> None:
    """Close the connection, also a broken one."""
    try:
        await connection.aclose()
    except (RedisError, OSError):
        return
