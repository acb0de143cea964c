"""A deployment for the feed benchmarks: invented records, their publication, and backends, workers and counters."""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import redis.asyncio as redis_client
from aiokafka import AIOKafkaProducer

from bench.bare_agent import COUNTER
from bench.tools import ROOT
from config.topics import FEEDS
from store.broker.stream_entry import Record
from store.broker.stream_log import StreamLog
from store.register import keys as register_keys
from tests.e2e.program import court_record, credit_code
from tests.integration.deployments import Deployment, Embedded

CHUNK_RECORDS = 500
FEED_TIMEOUT_S = 900
BARE_AGENT = [sys.executable, str(ROOT / "bench" / "bare_agent.py")]


def records(start: int, count: int) -> list[Record]:
    """Invented listings, each of its own company."""
    found = []
    for number in range(start, start + count):
        value = court_record(f"B-{number}", credit_code(number)) | {"authority": "court"}
        found.append(Record(FEEDS, json.dumps(value).encode(), f"B-{number}".encode()))
    return found


async def publish(broker: str, start: int, count: int) -> None:
    """Publish ``count`` records to the feed topic."""
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


async def throughput(count: Callable[[], Awaitable[int]], wanted: int) -> float:
    """Records a second between a tenth of them and all: start-up and joining the group do not count."""
    began, at = 0.0, 0
    deadline = time.monotonic() + FEED_TIMEOUT_S
    while (found := await count()) < wanted:
        if not began and found > wanted // 10:
            began, at = time.perf_counter(), found
        assert time.monotonic() < deadline, f"{found} of {wanted}"
        await asyncio.sleep(0.01)
    return (wanted - at) / (time.perf_counter() - began)


async def last_change(redis: "redis_client.Redis") -> bytes:
    """The stream ID of the newest change of the register; raises ``IndexError`` without one."""
    entries: Any = await redis.xrevrange(register_keys.CHANGE_LOG, count=1)
    return bytes(entries[0][0])


async def changes_after(redis: "redis_client.Redis", last: bytes, *, block_ms: int, count: int) -> list[bytes]:
    """The stream IDs of at most ``count`` changes of the register after ``last``; empty after ``block_ms``."""
    answer: Any = await redis.xread({register_keys.CHANGE_LOG: last}, block=block_ms, count=count)
    return [entry for _, entries in answer for entry, _ in entries]


class FeedDeployment:
    """One set of backends, set up for one measurement and torn down after it."""

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
        # The benchmark feeds more records than a department may add in a day, so it raises that bound.
        departments = (ROOT / "config" / "departments.yaml").read_text()
        line = "    categories: [C07, R04]\n"
        generous = departments.replace(line, f"{line}    bounds: {{added: 10000000}}\n")
        (directory / "departments.yaml").write_text(generous)
        return kept | more | backends | {"CREDITGATE_DEPARTMENTS": str(directory / "departments.yaml")}

    def start(self, name: str, command: list[str]) -> None:
        """Start a process that logs to a file of its name."""
        log = (self.deployment.directory / f"{name}.log").open("ab")
        environment = self.deployment.environment | {"PYTHONPATH": str(ROOT)}
        self.deployment.processes[name] = subprocess.Popen(command, env=environment, stderr=log, stdout=log)

    def start_workers(self, count: int) -> None:
        """Start ``count`` workers."""
        for number in range(count):
            self.start(f"worker-{number}", [sys.executable, "-m", "creditgate", "worker"])

    async def applied(self) -> int:
        """How many changes the register has applied."""
        return int(await self.redis.hget(register_keys.METADATA, "applied") or 0)

    async def counted(self) -> int:
        """How many records the bare agent has counted."""
        return int(await self.redis.get(COUNTER) or 0)

    async def close(self) -> None:
        """Stop every process and backend."""
        await self.redis.aclose()
        self.deployment.stop()
