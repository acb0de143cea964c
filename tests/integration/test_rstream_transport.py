"""What the rstream:// transport guarantees to agents, with a real Faust and Valkey; the log has tests of its own."""

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib.metadata import version
from inspect import signature
from pathlib import Path
from typing import Any

import faust
import pytest
from faust.assignor.client_assignment import ClientAssignment
from faust.exceptions import ImproperlyConfigured
from faust.types import TP

from store.broker.stream_entry import Record, TopicPartition
from store.broker.stream_log import StreamLog
from streams.rstream import Transport, faust_internals
from streams.rstream.lease import Lease, LeaseHeldError
from tests.integration.rstream_worker import GROUP, PARTITIONS, TOPIC, Carry, build_worker
from tests.integration.valkey_server import ValkeyServer

REPOSITORY = Path(__file__).parents[2]
PLACES = [TopicPartition(TOPIC, number) for number in range(PARTITIONS)]
Running = Callable[..., AbstractAsyncContextManager[faust.App]]


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[ValkeyServer]:
    server = ValkeyServer(tmp_path / "v")
    server.start()
    yield server
    server.stop()


@pytest.fixture
async def log(valkey: ValkeyServer) -> AsyncIterator[StreamLog]:
    log = StreamLog.connect(valkey.broker_url)
    await log.declare_topic(TOPIC, PARTITIONS)
    yield log
    await log.close()


@pytest.fixture
def running(valkey: ValkeyServer, tmp_path: Path) -> Running:
    """A worker in this process, stopped at the end of the test. Options go into the broker URL."""

    @asynccontextmanager
    async def run(carry: Carry, options: str = "lease_seconds=1") -> AsyncIterator[faust.App]:
        app = build_worker(f"{valkey.broker_url}?{options}", tmp_path, carry)
        app.finalize()
        try:
            await app.start()
            yield app
        finally:
            await asyncio.wait_for(app.stop(), 10)

    return run


class Collector:
    """Collects every event that it processes."""

    def __init__(self, acknowledge: bool = True) -> None:
        self.events: list[Any] = []
        self._acknowledge = acknowledge

    async def __call__(self, event: Any) -> bool:  # noqa: ANN401
        self.events.append(event)
        return self._acknowledge

    @property
    def values(self) -> set[bytes | None]:
        return {event.value for event in self.events}


async def until(condition: Callable[[], bool], limit: float = 30) -> None:
    deadline = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        await asyncio.sleep(0.02)


async def until_committed(log: StreamLog, count: int, limit: float = 30) -> None:
    deadline = time.monotonic() + limit
    while sum((await log.committed(GROUP)).values()) < count:
        assert time.monotonic() < deadline, await log.committed(GROUP)
        await asyncio.sleep(0.02)


def numbered(count: int, start: int = 0) -> list[Record]:
    return [Record(TOPIC, b"%d" % number, b"key %d" % number) for number in range(start, start + count)]


def numbers(count: int, start: int = 0) -> set[bytes | None]:
    return {b"%d" % number for number in range(start, start + count)}


async def test_agents_get_records_as_they_were_published(log: StreamLog, running: Running) -> None:
    """Key, value, None and b'', repeated headers with any bytes, time and offset arrive as over Kafka."""
    headers = [("a", bytes(range(256))), ("a", b"")]
    records = [
        Record(TOPIC, b"\xff\x00", b"\x00key", headers, 1_700_000_000.25),
        Record(TOPIC, None, b"\x00key"),
        Record(TOPIC, b"", b"\x00key"),
        Record(TOPIC, b"keyless", None),
    ]
    await log.append(records)
    collector = Collector()
    async with running(collector):
        await until(lambda: len(collector.events) == 4)
        await until_committed(log, 4)
    keyed = [event.message for event in collector.events if event.key]
    assert [(message.value, message.offset) for message in keyed] == [(b"\xff\x00", 0), (None, 1), (b"", 2)]
    first = keyed[0]
    assert (first.key, first.headers, first.timestamp) == (b"\x00key", headers, 1_700_000_000.25)
    assert first.tp == TP(TOPIC, log.partition_for(TOPIC, b"\x00key"))
    assert b"keyless" in collector.values


async def test_agents_partition_records_as_kafka_does(log: StreamLog, running: Running) -> None:
    """Records keep their order, Kafka's partitioner and headers; the future returns the offset. Topics are created."""
    async with running(Collector()) as app:
        topic = app.topic("sent", value_serializer="raw", key_serializer="raw")
        headers = [("name", b"\xff")]
        sent = [await topic.send(key=b"k%d" % n, value=b"%d" % n, headers=headers) for n in range(200)]
        await asyncio.gather(*sent)
        count = await log.partition_count("sent")
        reading = await log.read({TopicPartition("sent", n): 0 for n in range(count)}, 1000, 0.01)
        assert count == PARTITIONS
        for number, future in enumerate(sent):
            metadata = future.result()
            entry = reading.entries[metadata.topic_partition][metadata.offset]
            assert metadata.partition == log.partition_for("sent", b"k%d" % number)
            assert (entry.key, entry.value, entry.headers) == (b"k%d" % number, b"%d" % number, headers)


async def test_worker_resumes_where_it_committed(log: StreamLog, running: Running) -> None:
    """After a clean stop no event is processed twice and none is missed."""
    await log.append(numbered(300))
    first = Collector()
    async with running(first):
        await until(lambda: first.values == numbers(300))
    assert sum((await log.committed(GROUP)).values()) == 300
    await log.append(numbered(50, 300))
    second = Collector()
    async with running(second):
        await until(lambda: second.values >= numbers(50, 300))
    assert second.values == numbers(50, 300)
    assert len(first.events) + len(second.events) == 350


async def test_unacknowledged_records_are_redelivered(log: StreamLog, running: Running) -> None:
    """The offset of an event that is unacknowledged when the worker stops is not committed."""
    await log.append(numbered(30))
    holding, second = Collector(acknowledge=False), Collector()
    async with running(holding):
        await until(lambda: holding.values == numbers(30))
    assert sum((await log.committed(GROUP)).values()) == 0
    async with running(second):
        await until(lambda: second.values == numbers(30))


async def test_retention_follows_the_commits(log: StreamLog, running: Running) -> None:
    """A running worker trims committed records; the end offsets stay."""
    collector = Collector()
    async with running(collector, "lease_seconds=1&trim_seconds=0.2&keep_entries=5"):
        await log.append(numbered(100))
        await until_committed(log, 100)
        deadline = time.monotonic() + 10
        while any(end - earliest > 5 for earliest, end in (await log.offset_ranges(PLACES)).values()):
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)
    assert sum(end for _, end in (await log.offset_ranges(PLACES)).values()) == 100
    assert collector.values == numbers(100)


async def test_second_worker_is_refused(log: StreamLog, running: Running) -> None:
    """Two workers would both read everything: the second ends with an error, the first goes on."""
    first, second = Collector(), Collector()
    async with running(first):
        with pytest.raises(LeaseHeldError, match="only one"):
            async with running(second):
                pass
        await log.append(numbered(10))
        await until(lambda: first.values == numbers(10))
    assert second.events == []


async def test_lease_is_given_back_on_stop(log: StreamLog, running: Running) -> None:
    """The next worker does not wait until the lease expires."""
    async with running(Collector(), "lease_seconds=60"):
        pass
    await Lease(log, GROUP, 1).renew()


async def test_worker_that_lost_its_lease_crashes(log: StreamLog, running: Running) -> None:
    """A worker ends when another has taken its lease, for example after a long pause."""
    async with running(Collector()) as app:
        await log.command("SET", log.key("lease", GROUP), "another")
        await asyncio.wait_for(app.wait_until_stopped(), 10)
        assert isinstance(app.crash_reason, LeaseHeldError)


async def test_outage_is_survived(valkey: ValkeyServer, log: StreamLog, running: Running) -> None:
    """An outage longer than the lease, with records in flight both ways, loses nothing and crashes nothing."""
    collector = Collector()
    async with running(collector) as app:
        topic = app.topic("sent", value_serializer="raw", key_serializer="raw")
        await (await topic.send(key=b"k", value=b"before"))
        await log.append(numbered(100))
        await until_committed(log, 100)
        valkey.kill()
        during = [await topic.send(key=b"k", value=b"%d" % number) for number in range(20)]
        await asyncio.sleep(2)  # longer than the lease
        assert not app.should_stop
        valkey.launch()
        await asyncio.to_thread(valkey.wait)
        await asyncio.gather(*during)
        await log.append(numbered(100, 100))
        await until(lambda: collector.values == numbers(200))
        await until_committed(log, 200)
        assert not app.should_stop
    reading = await log.read({TopicPartition("sent", n): 0 for n in range(PARTITIONS)}, 1000, 0.01)
    (entries,) = reading.entries.values()
    assert [entry.value for entry in entries] == [b"before", *(b"%d" % number for number in range(20))]


async def test_server_that_hangs_is_survived(valkey: ValkeyServer, log: StreamLog, running: Running) -> None:
    """After connections that stay open and silent, reading goes on."""
    collector = Collector()
    async with running(collector):
        await log.append(numbered(10))
        await until_committed(log, 10)
        valkey.pause()
        await asyncio.sleep(7)  # longer than a read waits for its answer
        valkey.resume()
        await log.append(numbered(10, 10))
        await until(lambda: collector.values == numbers(20))
        await until_committed(log, 20)


@pytest.mark.parametrize("count", [5, 15])  # not as far as the worker stood, and beyond
async def test_lost_tail_hides_no_new_record(
    valkey: ValkeyServer, log: StreamLog, running: Running, count: int
) -> None:
    """A server that lost unsynced entries reuses their offsets; a running worker reads the new entries."""
    collector = Collector()
    async with running(collector):
        await log.append([Record(TOPIC, b"kept %d" % number, partition=0) for number in range(10)])
        await until_committed(log, 10)
        size = valkey.append_only_file.stat().st_size
        await log.append([Record(TOPIC, b"lost %d" % number, partition=0) for number in range(10)])
        await until_committed(log, 20)
        valkey.kill()
        with valkey.append_only_file.open("r+b") as file:
            file.truncate(size)
        valkey.launch()
        await asyncio.to_thread(valkey.wait)
        new = {b"new %d" % number for number in range(count)}
        offsets = await log.append([Record(TOPIC, value, partition=0) for value in sorted(new)])
        assert offsets[0] == 10
        await until(lambda: collector.values >= new)
        await until_committed(log, 10 + count)
    assert await log.committed(GROUP) == {TopicPartition(TOPIC, 0): 10 + count}


@pytest.mark.parametrize("away", ["dead", "hanging", "present"])
async def test_stop_is_quick(valkey: ValkeyServer, log: StreamLog, running: Running, away: str) -> None:
    """Server failures do not use up the supervisor's restarts, and no sender waits forever."""
    async with running(Collector()) as app:
        topic = app.topic("sent", value_serializer="raw", key_serializer="raw")
        await (await topic.send(key=b"k", value=b"before"))
        await log.append(numbered(10))
        await until_committed(log, 10)
        if away == "dead":
            valkey.kill()
        elif away == "hanging":
            valkey.pause()
        await asyncio.sleep(0.3)  # let it be in the middle of something
        sent = await topic.send(key=b"k", value=b"during")
        await asyncio.wait_for(app.stop(), 5)
        await asyncio.wait([sent], timeout=1)
        assert sent.done()
        assert (sent.exception() is None) is (away == "present")


async def test_stop_while_waiting_for_the_lease(log: StreamLog, valkey: ValkeyServer, tmp_path: Path) -> None:
    """A worker that is stopped before it got the lease does not take the lease while it stops."""
    await Lease(log, GROUP, 60).renew()
    app = build_worker(f"{valkey.broker_url}?lease_seconds=20", tmp_path, Collector())
    app.finalize()
    starting = asyncio.create_task(app.start())
    await asyncio.sleep(0.5)
    await asyncio.wait_for(app.stop(), 5)
    await asyncio.wait_for(asyncio.gather(starting, return_exceptions=True), 5)


def spawn(valkey: ValkeyServer, directory: Path, *arguments: str) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "tests.integration.rstream_worker", f"{valkey.broker_url}?lease_seconds=2"]
    with (directory / "worker.log").open("ab") as out:
        return subprocess.Popen([*command, str(directory), *arguments], cwd=REPOSITORY, stdout=out, stderr=out)


def seen(directory: Path) -> set[bytes | None]:
    path = directory / "seen"
    return set(path.read_bytes().split()) if path.exists() else set()


async def test_kill_9_of_the_worker_loses_nothing(valkey: ValkeyServer, log: StreamLog, tmp_path: Path) -> None:
    """After a kill with unacknowledged events, the next worker gets the lease within seconds and all events again."""
    await log.append(numbered(40))
    first = spawn(valkey, tmp_path, "hold")
    try:
        await until(lambda: seen(tmp_path) == numbers(40))
    finally:
        first.kill()
        first.wait()
    (tmp_path / "seen").unlink()
    assert sum((await log.committed(GROUP)).values()) == 0
    second = spawn(valkey, tmp_path)
    try:
        await until(lambda: seen(tmp_path) == numbers(40))
        await until_committed(log, 40)
        # Both crash and restart: no acknowledged event is missing.
        second.kill()
        second.wait()
        await log.append(numbered(20, 40))
        valkey.kill()
        valkey.start()
        second = spawn(valkey, tmp_path)
        await until(lambda: seen(tmp_path) == numbers(60))
        second.terminate()
        assert await asyncio.to_thread(second.wait, 10) == 0
        assert sum((await log.committed(GROUP)).values()) == 60
    finally:
        second.kill()
        second.wait()


async def test_exactly_once_is_refused(valkey: ValkeyServer, tmp_path: Path) -> None:
    """The transport has no transactions and must refuse settings that ask for them."""
    app = faust.App(
        GROUP,
        broker=valkey.broker_url,
        datadir=str(tmp_path / "faust"),
        web_enabled=False,
        processing_guarantee="exactly_once",
    )
    app.finalize()
    app.in_worker = True
    with pytest.raises(ImproperlyConfigured):
        await app.start()
    await app.stop()


def test_invalid_broker_urls_are_refused(tmp_path: Path) -> None:
    """A misspelt option is refused instead of ignored, and so is a second server."""
    for broker in ("rstream:///a?lease=5", "rstream:///a?lease_seconds=soon", "rstream://a;rstream://b"):
        app = faust.App("x", broker=broker, datadir=str(tmp_path / "faust"))
        app.finalize()
        with pytest.raises(ValueError, match=r"option|convert|one server"):
            _ = app.transport


async def test_internals_of_faust_are_as_expected(running: Running) -> None:
    """The transport rests on these names. When Faust changes them, read its changes, then ``faust_internals``."""
    assert version("faust-streaming") == faust_internals.FAUST_VERSION
    async with running(Collector()) as app:
        await until(lambda: bool(app.consumer.assignment()))
        consumer, assignor = app.consumer, app.assignor
        assert isinstance(app.transport, Transport)
        assert isinstance(assignor._assignment, ClientAssignment)
        assert assignor.assigned_actives() == assignor._active_tps == consumer.assignment() == set(PLACES)
        assert assignor.assigned_standbys() == assignor._standby_tps == set()
        assert assignor.is_active(TP(TOPIC, 0))
        assert app.consumer_generation_id == 1
        await until(lambda: not app.rebalancing)
        await consumer.seek_wait({TP(TOPIC, 0): 7})
        assert consumer._read_offset[TP(TOPIC, 0)] == await consumer.position(TP(TOPIC, 0)) == 7
        assert list(signature(app.on_rebalance_start).parameters) == []
        assert list(signature(consumer.on_partitions_assigned).parameters)[:2] == ["assigned", "generation_id"]
        assert list(signature(consumer.on_partitions_revoked).parameters)[:1] == ["revoked"]
