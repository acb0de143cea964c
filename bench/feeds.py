"""The feed road: records a second against a bare Faust agent in the same run, the delay into force, and many listings.

``python bench/feeds.py [--records 20000] [--listings 100000]``. Loopback only; it ends by itself and leaves nothing.
"""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import redis.asyncio as redis_client
from aiokafka import AIOKafkaProducer

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from bench.bare_agent import COUNTER  # noqa: E402
from config.topics import FEEDS  # noqa: E402
from store.broker.stream_entry import Record  # noqa: E402
from store.broker.stream_log import StreamLog  # noqa: E402
from store.register import keys as register_keys  # noqa: E402
from tests.e2e.program import court_record, credit_code  # noqa: E402
from tests.integration.deployments import Deployment, Embedded, Production  # noqa: E402
from tests.postgresql import PostgreSQLServer  # noqa: E402

CHUNK_RECORDS = 500
FEED_TIMEOUT_S = 900
BARE = [sys.executable, str(ROOT / "bench" / "bare_agent.py")]


def say(line: str) -> None:
    """One line of the result."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def records(start: int, count: int) -> list[Record]:
    """Invented listings, each of its own company."""
    found = []
    for number in range(start, start + count):
        value = court_record(f"B-{number}", credit_code(number)) | {"authority": "court"}
        found.append(Record(FEEDS, json.dumps(value).encode(), f"B-{number}".encode()))
    return found


async def publish(broker: str, start: int, count: int) -> None:
    """Put them on the topic."""
    if broker.startswith("kafka://"):
        async with AIOKafkaProducer(bootstrap_servers=broker.removeprefix("kafka://"), acks="all") as producer:
            for record in records(start, count):
                await producer.send(FEEDS, record.value, key=record.key)
            await producer.flush()
        return
    log = StreamLog.connect(broker)
    for first in range(start, start + count, CHUNK_RECORDS):
        await log.append(records(first, min(CHUNK_RECORDS, start + count - first)))
    await log.close()


async def rate(count: Callable[[], Awaitable[int]], wanted: int) -> float:
    """Records a second, from a tenth of them to all: start-up and joining the group do not count."""
    began, at = 0.0, 0
    deadline = time.monotonic() + FEED_TIMEOUT_S
    while (found := await count()) < wanted:
        if not began and found > wanted // 10:
            began, at = time.perf_counter(), found
        assert time.monotonic() < deadline, f"{found} of {wanted}"
        await asyncio.sleep(0.01)
    return (wanted - at) / (time.perf_counter() - began)


class Bench:
    """One set of backends, made and torn down for one measurement."""

    def __init__(self, directory: Path, kind: type[Deployment] = Embedded, ledger: str | None = None) -> None:
        directory.mkdir()
        self.deployment = kind(directory)
        backends = self.deployment.start_backends()
        if ledger:
            backends["CREDITGATE_LEDGER_URL"] = ledger
        self.deployment.environment = self._environment(directory, backends)
        self.redis = redis_client.from_url(backends["CREDITGATE_REDIS_URL"])
        self.broker = backends["CREDITGATE_BROKER_URL"]
        done = self.deployment.cli("setup")
        assert done.returncode == 0, done.stderr

    def _environment(self, directory: Path, backends: dict[str, str]) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("CREDITGATE_")}
        (directory / "data").mkdir()
        more = {"CREDITGATE_DATA": str(directory / "data"), "CREDITGATE_PEPPER": "an-invented-pepper-for-benches"}
        # Loads of a day's bounds at once are what is measured here, not refused.
        departments = (ROOT / "config" / "departments.yaml").read_text()
        line = "    categories: [C07, R04]\n"
        generous = departments.replace(line, f"{line}    bounds: {{added: 10000000}}\n")
        (directory / "departments.yaml").write_text(generous)
        return kept | more | backends | {"CREDITGATE_DEPARTMENTS": str(directory / "departments.yaml")}

    def run(self, name: str, command: list[str]) -> None:
        """Start a process; what it says goes to a file."""
        log = (self.deployment.directory / f"{name}.log").open("ab")
        environment = self.deployment.environment
        environment = environment | {"PYTHONPATH": str(ROOT)}
        self.deployment.processes[name] = subprocess.Popen(command, env=environment, stderr=log, stdout=log)

    def workers(self, count: int) -> None:
        """Start workers."""
        for number in range(count):
            self.run(f"worker-{number}", [sys.executable, "-m", "creditgate", "worker"])

    async def applied(self) -> int:
        """How many changes the register has applied."""
        return int(await self.redis.hget(register_keys.METADATA, "applied") or 0)

    async def counted(self) -> int:
        """How many records the bare agent has counted."""
        return int(await self.redis.get(COUNTER) or 0)

    async def close(self) -> None:
        """Stop everything."""
        await self.redis.aclose()
        self.deployment.stop()


async def throughput(directory: Path, count: int, postgresql: PostgreSQLServer | None) -> None:
    """The bare agent, then the road; two workers need Kafka, the embedded transport has one."""
    bare = await measured(Bench(directory / "bare"), count, None)
    row("Valkey Streams, bare agent (reference)", bare, bare)
    row("Valkey Streams, SQLite, 1 worker", await measured(Bench(directory / "sqlite"), count, 1), bare)
    if postgresql:
        bench = Bench(directory / "postgresql-1", ledger=postgresql.create_database("bench1"))
        row("Valkey Streams, PostgreSQL, 1 worker", await measured(bench, count, 1), bare)
    if Production.available():
        return
    bare = await measured(Bench(directory / "kafka-bare", Production), count, None)
    row("Kafka, bare agent (reference)", bare, bare)
    for workers in (1, 2):
        found = await measured(Bench(directory / f"kafka-{workers}", Production), count, workers)
        row(f"Kafka, PostgreSQL, {workers} worker(s)", found, bare)


async def measured(bench: Bench, count: int, workers: int | None) -> float:
    """Records a second of so many workers, or of the bare agent."""
    await publish(bench.broker, 0, count)
    if workers is None:
        bench.run("bare", BARE)
    else:
        bench.workers(workers)
    found = await rate(bench.counted if workers is None else bench.applied, count)
    await bench.close()
    return found


def row(name: str, found: float, bare: float) -> None:
    """One rate and its ratio to the reference."""
    say(f"{name:<44}{found:8.0f} records/s   {found / bare:.2f}")


async def delays(directory: Path, per_second: int, count: int = 200) -> tuple[list[float], list[float]]:
    """From putting a record on the topic until the change log of the register has it: from then on it bites.

    Idle, one record after another; and of every record while so many a second come in.
    """
    bench = Bench(directory / "delay")
    bench.workers(1)
    await publish(bench.broker, 0, 1)
    await bench.redis.xread({register_keys.CHANGE_LOG: "0"}, block=60_000, count=1)
    log = StreamLog.connect(bench.broker)

    async def one(number: int) -> float:
        (record,) = records(number, 1)
        last = (await bench.redis.xrevrange(register_keys.CHANGE_LOG, count=1))[0][0]
        began = time.perf_counter()
        await log.append([record])
        await bench.redis.xread({register_keys.CHANGE_LOG: last}, block=10_000, count=1)
        return time.perf_counter() - began

    idle = [await one(number) for number in range(10_000, 10_000 + count)]
    busy = await loaded(bench, log, per_second)
    await log.close()
    await bench.close()
    return idle, busy


async def loaded(bench: Bench, log: StreamLog, per_second: int, seconds: int = 10) -> list[float]:
    """Delays of every record while so many a second come in, in ticks of a twentieth of a second."""
    tick = per_second // 20
    sent: list[float] = []
    delays_found: list[float] = []
    total = tick * 20 * seconds
    reader = redis_client.from_url(bench.deployment.environment["CREDITGATE_REDIS_URL"])
    last = (await reader.xrevrange(register_keys.CHANGE_LOG, count=1))[0][0]

    async def read() -> None:
        nonlocal last
        seen: list[float] = []
        while len(seen) < total:
            for _, entries in await reader.xread({register_keys.CHANGE_LOG: last}, block=10_000, count=5000):
                seen += [time.perf_counter()] * len(entries)
                last = entries[-1][0]
        delays_found.extend(there - went for went, there in zip(sent, seen, strict=False))

    reading = asyncio.create_task(read())
    began = time.perf_counter()
    for index in range(20 * seconds):
        await asyncio.sleep(max(0.0, began + index * 0.05 - time.perf_counter()))
        batch = records(100_000 + index * tick, tick)
        sent.extend([time.perf_counter()] * tick)
        await log.append(batch)
    await asyncio.wait_for(reading, 120)
    await reader.aclose()
    return delays_found


async def many(directory: Path, count: int) -> None:
    """So many listings: load, memory, rebuild and verification."""
    bench = Bench(directory / "many")
    empty = int((await bench.redis.info("memory"))["used_memory"])
    began = time.perf_counter()
    bench.workers(1)
    await publish(bench.broker, 0, count)
    await rate(bench.applied, count)
    say(f"{f'{count} listings, one worker: loaded in':<44}{time.perf_counter() - began:8.1f} s")
    await bench.redis.delete(*[name async for name in bench.redis.scan_iter(match=f"*{FEEDS}*")] or ["none"])
    await bench.redis.delete(register_keys.CHANGE_LOG)
    used = int((await bench.redis.info("memory"))["used_memory"]) - empty
    say(f"{'Redis memory without topics and change log':<44}{used / count:8.0f} bytes/listing")
    for words in (("register", "rebuild"), ("register", "verify"), ("ledger", "verify")):
        began = time.perf_counter()
        done = await asyncio.to_thread(bench.deployment.cli, *words)
        took = time.perf_counter() - began
        say(f"{'creditgate ' + ' '.join(words):<44}{took:8.1f} s   exit {done.returncode}")
    await bench.close()


def show(name: str, seconds: list[float]) -> None:
    """Percentiles of every single measurement."""
    cuts = statistics.quantiles(seconds, n=100)
    say(f"{name:<44} p50 {cuts[49] * 1e3:7.1f}   p99 {cuts[98] * 1e3:7.1f} ms   n {len(seconds)}")


async def main() -> None:
    """Run everything."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--records", type=int, default=20_000)
    asked.add_argument("--listings", type=int, default=100_000)
    asked.add_argument("--per-second", type=int, default=2000)
    arguments = asked.parse_args()
    with tempfile.TemporaryDirectory(prefix="creditgate-bench-") as directory:
        postgresql = None if PostgreSQLServer.available() else PostgreSQLServer(Path(directory) / "postgresql")
        if postgresql:
            postgresql.start()
        try:
            await throughput(Path(directory), arguments.records, postgresql)
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
