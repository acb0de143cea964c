"""What the stream log guarantees to the gateway and the transport, against a real Valkey."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import redis.asyncio
import redis.exceptions
from aiokafka.partitioner import DefaultPartitioner

from store.broker.stream_entry import OffsetRange, Record, TopicPartition
from store.broker.stream_faults import NotDurableError, UnknownTopicError, is_outage
from store.broker.stream_log import StreamLog
from store.broker.stream_retention import Retention, trim
from tests.integration.valkey_server import ValkeyServer
from tests.redis_server import RedisServer
from tests.servers import LOOPBACK, free_port, require

ONE = TopicPartition("one", 0)
ALL_BYTES = bytes(range(256))


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[ValkeyServer]:
    server = ValkeyServer(tmp_path / "v")
    server.start()
    yield server
    server.stop()


@pytest.fixture
async def log(valkey: ValkeyServer) -> AsyncIterator[StreamLog]:
    log = StreamLog.connect(valkey.broker_url)
    await log.declare_topic("one", 1)
    await log.declare_topic("four", 4)
    yield log
    await log.close()


@pytest.fixture
async def other(valkey: ValkeyServer) -> AsyncIterator[StreamLog]:
    """The same log over a connection of its own, as another process has it."""
    log = StreamLog.connect(valkey.broker_url)
    yield log
    await log.close()


def numbered(count: int, start: int = 0) -> list[Record]:
    return [Record("one", b"%d" % number) for number in range(start, start + count)]


async def values(log: StreamLog, start: int = 0, place: TopicPartition = ONE) -> list[bytes | None]:
    reading = await log.read({place: start}, 100_000, 0.01)
    return [entry.value for entry in reading.entries.get(place, [])]


async def test_offsets_are_contiguous_in_each_partition(log: StreamLog, other: StreamLog) -> None:
    """Offsets are 0, 1, 2, … as Kafka's, from every writer, so a missing one would show."""
    assert await log.append(numbered(3)) == [0, 1, 2]
    assert await other.append(numbered(2)) == [3, 4]
    assert await log.append([]) == []
    placed = [Record("four", b"", partition=number % 2) for number in range(6)]
    assert await log.append(placed) == [0, 0, 1, 1, 2, 2]
    reading = await log.read({ONE: 0}, 100, 0.01)
    assert [entry.offset for entry in reading.entries[ONE]] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("protocol", [2, 3])
async def test_records_come_back_as_they_were(valkey: ValkeyServer, log: StreamLog, protocol: int) -> None:
    """Everything is bytes: any byte survives, None (a tombstone) differs from empty, header names may repeat."""
    headers = [("a", ALL_BYTES), ("a", b""), ("名单", b"\xff\x00")]
    contents = (None, b"", ALL_BYTES)
    pairs = [(key, value) for key in contents for value in contents]
    async with redis.asyncio.from_url(valkey.url, protocol=protocol) as client:
        log = StreamLog(client)
        moment = 1_700_000_000.123
        await log.append([Record("one", value, key, headers, moment) for key, value in pairs])
        entries = (await log.read({ONE: 0}, 100, 0.01)).entries[ONE]
    assert entries == [(offset, moment, *pair, headers) for offset, pair in enumerate(pairs)]


@pytest.mark.parametrize(
    "record", [{"key": "text"}, {"value": "text"}, {"headers": [("a", "text")]}, {"headers": [("a", None)]}]
)
def test_unreadable_records_are_not_written(record: dict[str, object]) -> None:
    """Such an entry would stop every reader permanently."""
    with pytest.raises(TypeError):
        Record(**{"topic": "one", "value": b"", **record})  # type: ignore[arg-type]


async def test_partitions_are_those_of_kafka(log: StreamLog) -> None:
    """A key has the same partition in both modes: aiokafka's partitioner is Kafka's murmur2."""
    for size in (1, 3, 4, 12):
        topic = f"sized{size}"
        await log.declare_topic(topic, size)
        numbers = list(range(size))
        for length in range(64):
            key = random.randbytes(length)
            assert log.partition_for(topic, key) == DefaultPartitioner()(key, numbers, numbers)
    assert [log.partition_for("four", None) for _ in range(8)] == [0, 1, 2, 3, 0, 1, 2, 3]


async def test_first_declaration_counts(log: StreamLog, other: StreamLog) -> None:
    """The number of partitions never changes, because keys are assigned by it; an unknown topic raises."""
    assert await other.declare_topic("four", 9) == 4
    with pytest.raises(UnknownTopicError):
        await log.append([Record("nobody's", b"")])
    with pytest.raises(UnknownTopicError):
        log.partition_for("nobody's", b"")


async def test_append_is_all_or_nothing(log: StreamLog) -> None:
    """A server out of memory stores no part of a delivery, and the error says that it can be retried."""
    await log.append(numbered(1))
    await log.command("CONFIG", "SET", "maxmemory", 1)
    with pytest.raises(redis.exceptions.OutOfMemoryError) as caught:
        await log.append(numbered(3, 1))
    assert is_outage(caught.value)
    await log.command("CONFIG", "SET", "maxmemory", 0)
    assert await log.append(numbered(3, 1)) == [1, 2, 3]


async def test_read_waits_and_is_limited(log: StreamLog) -> None:
    """A read returns about as many entries as asked for, and none when none arrive."""
    assert (await log.read({ONE: 0, TopicPartition("four", 1): 0}, 10, 0.01)).entries == {}
    await log.append(numbered(50))
    reading = await log.read({ONE: 7, TopicPartition("four", 1): 0}, 10, 5)
    assert [entry.offset for entry in reading.entries[ONE]] == [7, 8, 9, 10, 11]
    assert reading.server == await log.server_run_id()


async def test_end_survives_trimming(log: StreamLog) -> None:
    """Offsets are never reused: after everything was trimmed the log goes on at its end."""
    await log.append(numbered(5))
    assert await trim(log, "one", None, Retention(entries=0)) == 5
    assert await log.offset_ranges([ONE]) == {ONE: OffsetRange(5, 5)}
    assert await log.append(numbered(1)) == [5]
    assert await log.offset_ranges([ONE, TopicPartition("four", 3)]) == {
        ONE: OffsetRange(5, 6),
        TopicPartition("four", 3): OffsetRange(0, 0),
    }


@pytest.mark.parametrize(
    ("committed", "retention", "earliest"),
    [
        (None, Retention(entries=0, seconds=0), 0),  # never committed: kept
        (6, Retention(entries=0, seconds=0), 6),  # no limit reaches past the commit
        (10, Retention(entries=0), 10),
        (10, Retention(entries=3), 7),
        (10, Retention(entries=100), 0),
        (10, Retention(entries=100, seconds=4.5), 5),  # records are 0 to 9 seconds old, the newest last
        (3, Retention(entries=100, seconds=4.5), 3),
    ],
)
async def test_only_committed_entries_are_trimmed(
    log: StreamLog, committed: int | None, retention: Retention, earliest: int
) -> None:
    """Whatever the retention, entries that the group has not committed stay."""
    now = time.time() + 0.2
    await log.append([Record("one", b"", timestamp=now - 9 + number) for number in range(10)])
    if committed is not None:
        await log.commit("group", {ONE: committed})
    assert await trim(log, "one", "group", retention) == earliest
    assert await log.offset_ranges([ONE]) == {ONE: OffsetRange(earliest, 10)}


async def test_commits_are_kept_by_group(log: StreamLog) -> None:
    """Each group has its own offsets; topic names may contain colons."""
    await log.commit("a", {ONE: 3, TopicPartition("x:y", 2): 4})
    await log.commit("a", {ONE: 5})
    await log.commit("a", {})
    assert await log.committed("a") == {ONE: 5, TopicPartition("x:y", 2): 4}
    assert await log.committed("b") == {}


async def test_restarted_server_refuses_old_commits(valkey: ValkeyServer, log: StreamLog) -> None:
    """The server may have lost its tail and reused the offsets for other records."""
    server = await log.server_run_id()
    assert await log.commit("a", {ONE: 1}, server)
    valkey.kill()
    valkey.start()
    await asyncio.sleep(0.05)  # this test stopped the loop: let it see that the old connection is gone
    assert not await log.commit("a", {ONE: 2}, server)
    assert await log.committed("a") == {ONE: 1}
    assert await log.commit("a", {ONE: 2}, await log.server_run_id())


async def test_kill_9_loses_nothing_that_was_answered(valkey: ValkeyServer, log: StreamLog, other: StreamLog) -> None:
    """Appends, commits and topics survive a crash, and the client reconnects."""
    await log.append(numbered(100))
    await log.append_durably(numbered(100, 100), timeout=10)
    await log.commit("group", {ONE: 150})
    valkey.kill()
    with pytest.raises(redis.exceptions.ConnectionError):
        await log.append(numbered(1))
    valkey.start()
    assert await log.append(numbered(1, 200)) == [200]
    assert await values(log) == [b"%d" % number for number in range(201)]
    assert await log.committed("group") == {ONE: 150}
    assert await other.partition_count("four") == 4


@pytest.mark.parametrize("protocol", [2, 3])
async def test_durable_means_fsynced(valkey: ValkeyServer, protocol: int) -> None:
    """Without an fsync a durable append raises; the record may be stored all the same."""
    async with redis.asyncio.from_url(valkey.url, protocol=protocol) as client:
        log = StreamLog(client)
        await log.declare_topic("one", 1)
        await log.command("CONFIG", "SET", "appendfsync", "always")
        await log.verify_durable()
        assert await log.append_durably(numbered(2), timeout=10) == [0, 1]
        await log.command("CONFIG", "SET", "appendfsync", "no")
        with pytest.raises(NotDurableError, match="never"):
            await log.verify_durable()
        with pytest.raises(NotDurableError, match="in time"):
            await log.append_durably(numbered(1, 2), timeout=0.3)
        assert await values(log) == [b"0", b"1", b"2"]


async def test_early_answer_of_waitaof_is_not_believed(log: StreamLog) -> None:
    """With everysec, WAITAOF may answer before the sync (redis/redis#13793), so a second must pass too."""
    await log.verify_durable()
    begin = time.monotonic()
    assert await log.append_durably(numbered(2), timeout=10) == [0, 1]
    assert time.monotonic() - begin > 1
    with pytest.raises(NotDurableError, match="no answer"):
        await log.append_durably(numbered(1), timeout=0.3)  # too short a time to know


async def test_durable_is_refused_without_a_file(log: StreamLog) -> None:
    """A server without an append-only file does not count as durable."""
    await log.command("CONFIG", "SET", "appendonly", "no")
    with pytest.raises(NotDurableError):
        await log.verify_durable()
    with pytest.raises(NotDurableError):
        await log.append_durably(numbered(1), timeout=1)


@pytest.mark.redis_server
async def test_durable_is_refused_by_old_servers(tmp_path: Path) -> None:
    """Redis before 7.2 has no WAITAOF: a durable append raises, everything else works."""
    require(RedisServer.available())
    with RedisServer(tmp_path / "r") as server:
        log = StreamLog.connect(server.url.replace("redis://", "rstream://"))
        if await log.command("COMMAND", "LIST", "FILTERBY", "PATTERN", "waitaof"):
            pytest.skip("this redis-server knows WAITAOF")
        await log.declare_topic("one", 1)
        with pytest.raises(NotDurableError):
            await log.verify_durable()
        with pytest.raises(NotDurableError):
            await log.append_durably(numbered(1), timeout=1)
        assert await log.append(numbered(1, 1)) == [1]
        assert await log.commit("group", {ONE: 2}, await log.server_run_id())
        assert await trim(log, "one", "group", Retention(entries=0)) == 2
        await log.close()


async def test_server_that_hangs_is_not_waited_for(valkey: ValkeyServer, log: StreamLog) -> None:
    """Connections stay open and silent; the caller gets an error, and the client recovers."""
    await log.append(numbered(1))
    valkey.pause()
    with pytest.raises(NotDurableError, match="no answer"):
        await log.append_durably(numbered(1, 1), timeout=0.1)
    valkey.resume()
    offset = (await log.append(numbered(1, 2)))[0]
    assert await values(log, offset) == [b"2"]


async def test_url_gives_host_password_and_database(tmp_path: Path) -> None:
    """The broker URL may have a TCP server with a password; a wrong password is not retried as an outage."""
    port = free_port()
    server = ValkeyServer(tmp_path / "v", "--port", str(port), "--bind", LOOPBACK, "--requirepass", "p@ss/:")
    server.start()
    log = StreamLog.connect(f"rstream://:p%40ss%2F%3A@{LOOPBACK}:{port}/3?keep_entries=5")
    wrong = StreamLog.connect(f"rstream://:wrong@{LOOPBACK}:{port}/3")
    try:
        assert await log.declare_topic("one", 1) == 1
        assert "db3" in await log.command("INFO", "keyspace")
        with pytest.raises(redis.exceptions.AuthenticationError) as caught:
            await wrong.server_run_id()
        assert not is_outage(caught.value)
    finally:
        await log.close()
        await wrong.close()
        server.stop()


@pytest.mark.parametrize(
    ("error", "passes"),
    [
        (redis.exceptions.ConnectionError("refused"), True),
        (redis.exceptions.BusyLoadingError("reading the file"), True),
        (redis.exceptions.ResponseError("BUSY Valkey is busy running a script"), True),
        (redis.exceptions.ResponseError("MISCONF Errors writing to the AOF file: No space left on device"), True),
        (TimeoutError(), True),
        (redis.exceptions.ResponseError("BUSYGROUP exists"), False),
        (redis.exceptions.ResponseError("WRONGTYPE"), False),
        (redis.exceptions.AuthenticationError("wrong"), False),
        (ValueError(), False),
    ],
)
def test_outages_are_distinguished_from_mistakes(error: Exception, passes: bool) -> None:
    """Only outages are retried; other errors are raised."""
    assert is_outage(error) is passes
