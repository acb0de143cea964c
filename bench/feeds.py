"""Feed processing: records a second against a bare Faust agent in the same run, the delay, and many listings.

``python bench/feeds.py [--records 20000] [--listings 100000]``. Loopback only; it ends by itself and leaves nothing.
"""

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from pathlib import Path

import redis.asyncio as redis_client

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.feed_deployment import (
    BARE_AGENT,
    FeedDeployment,
    changes_after,
    last_change,
    publish,
    records,
    throughput,
)
from config.topics import FEEDS
from store.broker.stream_log import StreamLog
from store.register import keys as register_keys
from tests.integration.deployments import Production
from tests.postgresql import PostgreSQLServer

TICKS_PER_SECOND = 20
CHANGES_PER_READ = 5000


def say(line: str) -> None:
    """Print one line of the result at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


async def rates(directory: Path, count: int, postgresql: PostgreSQLServer | None) -> None:
    """Print the rate of the bare agent, then of workers; two workers need Kafka, the embedded transport has one."""
    bare = await measured(FeedDeployment(directory / "bare"), count, None)
    row("Valkey Streams, bare agent (reference)", bare, bare)
    row("Valkey Streams, SQLite, 1 worker", await measured(FeedDeployment(directory / "sqlite"), count, 1), bare)
    if postgresql:
        deployment = FeedDeployment(directory / "postgresql-1", ledger=postgresql.create_database("bench1"))
        row("Valkey Streams, PostgreSQL, 1 worker", await measured(deployment, count, 1), bare)
    if Production.available():
        return
    bare = await measured(FeedDeployment(directory / "kafka-bare", Production), count, None)
    row("Kafka, bare agent (reference)", bare, bare)
    for workers in (1, 2):
        found = await measured(FeedDeployment(directory / f"kafka-{workers}", Production), count, workers)
        row(f"Kafka, PostgreSQL, {workers} worker(s)", found, bare)


async def measured(deployment: FeedDeployment, count: int, workers: int | None) -> float:
    """Records a second with ``workers`` workers, or with the bare agent where that is None."""
    await publish(deployment.broker, 0, count)
    if workers is None:
        deployment.start("bare", BARE_AGENT)
    else:
        deployment.start_workers(workers)
    found = await throughput(deployment.counted if workers is None else deployment.applied, count)
    await deployment.close()
    return found


def row(name: str, found: float, bare: float) -> None:
    """Print one rate and its ratio to the reference."""
    say(f"{name:<44}{found:8.0f} records/s   {found / bare:.2f}")


async def delays(directory: Path, per_second: int, count: int = 200) -> tuple[list[float], list[float]]:
    """Seconds from publishing a record until the register's change log holds it, from when on it affects decisions.

    The first list is of ``count`` records one after another; the second of every record at ``per_second``.
    """
    deployment = FeedDeployment(directory / "delay")
    deployment.start_workers(1)
    await publish(deployment.broker, 0, 1)
    await changes_after(deployment.redis, b"0", block_ms=60_000, count=1)
    log = StreamLog.connect(deployment.broker)

    async def one(number: int) -> float:
        (record,) = records(number, 1)
        last = await last_change(deployment.redis)
        began = time.perf_counter()
        await log.append([record])
        await changes_after(deployment.redis, last, block_ms=10_000, count=1)
        return time.perf_counter() - began

    idle = [await one(number) for number in range(10_000, 10_000 + count)]
    busy = await loaded(deployment, log, per_second)
    await log.close()
    await deployment.close()
    return idle, busy


async def loaded(deployment: FeedDeployment, log: StreamLog, per_second: int, seconds: int = 10) -> list[float]:
    """Delays in seconds of every record at ``per_second``, which are published in ``TICKS_PER_SECOND`` batches."""
    tick_records = per_second // TICKS_PER_SECOND
    total = tick_records * TICKS_PER_SECOND * seconds
    sent: list[float] = []
    reader = redis_client.from_url(deployment.deployment.environment["CREDITGATE_REDIS_URL"])
    first = await last_change(reader)

    async def read_all() -> list[float]:
        last, seen = first, list[float]()
        while len(seen) < total:
            if changes := await changes_after(reader, last, block_ms=10_000, count=CHANGES_PER_READ):
                seen += [time.perf_counter()] * len(changes)
                last = changes[-1]
        return seen

    reading = asyncio.create_task(read_all())
    began = time.perf_counter()
    for index in range(TICKS_PER_SECOND * seconds):
        await asyncio.sleep(max(0.0, began + index / TICKS_PER_SECOND - time.perf_counter()))
        batch = records(100_000 + index * tick_records, tick_records)
        sent.extend([time.perf_counter()] * tick_records)
        await log.append(batch)
    seen = await asyncio.wait_for(reading, 120)
    await reader.aclose()
    return [there - went for went, there in zip(sent, seen, strict=False)]


async def many(directory: Path, count: int) -> None:
    """Print what ``count`` listings cost: load, memory, rebuild and verification."""
    deployment = FeedDeployment(directory / "many")
    empty = int((await deployment.redis.info("memory"))["used_memory"])
    began = time.perf_counter()
    deployment.start_workers(1)
    await publish(deployment.broker, 0, count)
    await throughput(deployment.applied, count)
    say(f"{f'{count} listings, one worker: loaded in':<44}{time.perf_counter() - began:8.1f} s")
    await deployment.redis.delete(*[name async for name in deployment.redis.scan_iter(match=f"*{FEEDS}*")] or ["none"])
    await deployment.redis.delete(register_keys.CHANGE_LOG)
    used = int((await deployment.redis.info("memory"))["used_memory"]) - empty
    say(f"{'Redis memory without topics and change log':<44}{used / count:8.0f} bytes/listing")
    for words in (("register", "rebuild"), ("register", "verify"), ("ledger", "verify")):
        began = time.perf_counter()
        done = await asyncio.to_thread(deployment.deployment.cli, *words)
        took = time.perf_counter() - began
        say(f"{'creditgate ' + ' '.join(words):<44}{took:8.1f} s   exit {done.returncode}")
    await deployment.close()


def show(name: str, seconds: list[float]) -> None:
    """Print percentiles over all measurements."""
    cuts = statistics.quantiles(seconds, n=100)
    say(f"{name:<44} p50 {cuts[49] * 1e3:7.1f}   p99 {cuts[98] * 1e3:7.1f} ms   n {len(seconds)}")


async def main() -> None:
    """Run every measurement."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=20_000)
    parser.add_argument("--listings", type=int, default=100_000)
    parser.add_argument("--per-second", type=int, default=2000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="creditgate-bench-") as directory:
        postgresql = None if PostgreSQLServer.available() else PostgreSQLServer(Path(directory) / "postgresql")
        if postgresql:
            postgresql.start()
        try:
            await rates(Path(directory), arguments.records, postgresql)
            idle, busy = await delays(Path(directory), arguments.per_second)
            show("delay into force, idle", idle)
            show(f"delay into force, {arguments.per_second}/s", busy)
            if arguments.listings:
                await many(Path(directory), arguments.listings)
        finally:
            if postgresql:
                postgresql.stop()


if __name__ == "__main__":
    asyncio.run(main())
