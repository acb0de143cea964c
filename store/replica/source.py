"""What a replica asks of the register's own server: whose it is, how far it has come, and which keys there are."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from time import monotonic
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from store.register import keys as register_keys

DEADLINE = 2.0
"""Seconds for an answer."""
_SCANNED = 20_000


@dataclass(slots=True)
class Marker:
    """The register's marker as it was last read, and when."""

    epoch: str
    generation: str
    listings: int
    applied: int
    beat_age: int | None
    read_at: float


async def identity(connection: "Redis") -> tuple[str, str]:
    """Which server, and whose history it holds: one that was demoted and followed another is not the same any more."""
    server, replication = await connection.info("server"), await connection.info("replication")
    return str(server["run_id"]), str(replication["master_replid"])


async def read_marker(connection: "Redis") -> Marker | None:
    """The marker as it stands; None where nothing was ever loaded."""
    pipeline = connection.pipeline(transaction=True)
    pipeline.hmget(register_keys.MARKER, "epoch", "generation", "listings", "applied", "beat")
    pipeline.time()
    (epoch, generation, listings, applied, beat), (seconds, micros) = await pipeline.execute()
    if epoch is None:
        return None
    age = None if beat is None else max(0, seconds * 1000 + micros // 1000 - int(beat))
    generation = (generation or register_keys.FIRST_GENERATION.encode()).decode()
    return Marker(epoch.decode(), generation, int(listings or 0), int(applied or 0), age, monotonic())


async def last_sequence(connection: "Redis") -> int:
    """The number of the last change; 0 where there was none."""
    last: Any = await connection.xrevrange(register_keys.CHANGES, count=1)
    return int(last[0][0].split(b"-")[1]) if last else 0


async def scan(connection: "Redis", prefix: str) -> AsyncIterator[list[bytes]]:
    """All keys that begin so: every one that is there throughout, some more than once."""
    cursor = 0
    while True:
        async with asyncio.timeout(DEADLINE):
            answer: Any = await connection.scan(cursor, match=f"{prefix}*", count=_SCANNED)
        cursor = int(answer[0])
        yield answer[1]
        if cursor == 0:
            return


def streams(answer: Any) -> list[Any]:  # noqa: ANN401 - a list, or a mapping under RESP3
    """What XREAD answered: for each stream its name and its entries."""
    if isinstance(answer, dict):
        return [(name, [entry for part in parts for entry in part]) for name, parts in answer.items()]
    return list(answer or ())


async def close(connection: "Redis") -> None:
    """Close it, whatever it is like by now."""
    try:
        await connection.aclose()
    except (RedisError, OSError):
        return
