"""Decisions on their way to the ledger: in batches, across a broker outage and the end of a process."""

import asyncio
import errno
import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pytest
from aiokafka import AIOKafkaConsumer
from prometheus_client import REGISTRY
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from config import topics
from gateway.audit.buffer import AuditBuffer
from gateway.audit.spool import Spool
from gateway.web.problems import ProblemError
from store.broker.kafka_publisher import KafkaPublisher
from store.broker.publisher import BrokerUnavailableError, Message, MessageTooLargeError, Publisher
from store.broker.stream_entry import TopicPartition
from store.broker.stream_log import StreamLog
from store.broker.stream_publisher import StreamPublisher
from store.db.schema import decisions
from store.ledger.decisions import DecisionEntry, DecisionStore, decode_entries, encode_entries
from streams.consumed_record import ConsumedRecord
from streams.decision_agent import record_decisions
from tests.integration.feeding import CHAIN
from tests.integration.valkey_server import ValkeyServer
from tests.kafka.broker import KafkaBroker
from tests.servers import require


def entry(number: int) -> DecisionEntry:
    return DecisionEntry(f"dec_{number}", 1000 + number, "c", "o", "p", "s", "T", "allow", b'{"answer":{}}')


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[ValkeyServer]:
    """A Valkey broker of the test's own, with the topic."""
    running = ValkeyServer(tmp_path / "valkey")
    running.start()
    log = StreamLog.connect(f"rstream://{running.socket}")
    await log.declare_topic(topics.DECISIONS, 1)
    await log.close()
    yield running
    running.stop()


@dataclass
class LedgerWriter:
    """Writes to the ledger without the broker; ``away`` simulates a ledger outage."""

    ids: list[str] = field(default_factory=list)
    away: bool = False

    async def record(self, entries: Sequence[DecisionEntry]) -> None:
        if self.away:
            raise OSError
        self.ids += [each.id for each in entries]


@dataclass
class Broker:
    """A broker in memory, with a maximum message size; ``silent`` makes it answer nothing."""

    largest: int = 1_000_000
    ids: list[str] = field(default_factory=list)
    silent: bool = False

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def publish(self, topic: str, messages: Sequence[Message], *, durable_within: float | None = None) -> None:
        assert (topic, durable_within) == (topics.DECISIONS, None)
        while self.silent:  # noqa: ASYNC110 - set by the test
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.001)
        for message in messages:
            if len(message.value) > self.largest:
                raise MessageTooLargeError
            self.ids += [made.id for made in decode_entries(message.value) or []]


@asynccontextmanager
async def running(
    publisher: Publisher, spool: Spool, ledger_writer: LedgerWriter | None = None
) -> AsyncIterator[AuditBuffer]:
    """An audit buffer that runs while the block does."""
    audit = AuditBuffer(publisher, spool, (ledger_writer or LedgerWriter()).record)
    task = asyncio.create_task(audit.keep_sending())
    yield audit
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await publisher.stop()


@asynccontextmanager
async def sending_audit(server: ValkeyServer, spool: Spool) -> AsyncIterator[AuditBuffer]:
    """The same buffer on Valkey."""
    async with running(StreamPublisher(f"rstream://{server.socket}"), spool) as audit:
        yield audit


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not true():  # noqa: ASYNC110 - nothing to wait on in another process
            await asyncio.sleep(0.05)


async def on_topic(server: ValkeyServer) -> list[str]:
    log = StreamLog.connect(f"rstream://{server.socket}")
    found = await log.read({TopicPartition(topics.DECISIONS, 0): 0}, 1000, 0.2)
    await log.close()
    messages = [item.value or b"" for items in found.entries.values() for item in items]
    return [made.id for message in messages for made in decode_entries(message) or []]


async def test_broker_outage_is_spooled_and_sent_later(server: ValkeyServer, tmp_path: Path) -> None:
    """In a broker outage decisions go to files; when the broker is back, all arrive and the files are removed."""
    spool = Spool(tmp_path / "spool")
    async with sending_audit(server, spool) as audit:
        for number in range(700):
            audit.put(entry(number))
        async with asyncio.timeout(20):
            while len(await on_topic(server)) < 700:  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.05)
        server.kill()
        for number in range(700, 900):
            audit.put(entry(number))
        await until(lambda: bool(spool.pending(9)))
    await audit.spool_all()
    server.start()
    # Another process, after the first one ended: what was spooled is sent.
    async with sending_audit(server, spool):
        await until(lambda: not spool.pending(9))
    assert set(await on_topic(server)) == {f"dec_{number}" for number in range(900)}


async def test_full_buffer_and_spool_answer_503(server: ValkeyServer, tmp_path: Path) -> None:
    """A decision that can be stored nowhere is refused."""
    publisher = StreamPublisher(f"rstream://{server.socket}")
    audit = AuditBuffer(publisher, Spool(tmp_path / "file" / "spool"), LedgerWriter().record)
    (tmp_path / "file").write_text("no folder")
    for number in range(50_000):
        audit.put(entry(number))
    with pytest.raises(ProblemError, match="audit_unavailable"):
        audit.put(entry(50_000))
    with pytest.raises(OSError, match="directory"):
        await audit.spool_all()
    server.kill()
    with pytest.raises(BrokerUnavailableError):
        await audit.flush()
    await publisher.stop()


async def test_ledger_gets_batches_and_single_entries(engine: AsyncEngine) -> None:
    """A batch, a decision in the older form, a repetition and unreadable bytes: each decision is written once."""
    batch = encode_entries([entry(n) for n in range(5)])
    older = msgspec.json.encode(entry(9))
    values = [batch, older, b"\xff rubbish", b"", batch]
    records = [ConsumedRecord(topics.DECISIONS, 0, n, 1.0, None, value, []) for n, value in enumerate(values)]
    await record_decisions(records, DecisionStore(engine, CHAIN))
    async with engine.connect() as connection:
        assert (await connection.execute(select(func.count()).select_from(decisions))).scalar_one() == 6
    assert decode_entries(batch) == [entry(n) for n in range(5)]


async def test_large_batch_is_split_into_messages(server: ValkeyServer, tmp_path: Path) -> None:
    """Batches are cut by number and size, from buffer and spool: each message fits into the broker's limit."""
    large = b'{"answer":"' + b"x" * 150_000 + b'"}'
    spool, publisher = Spool(tmp_path / "spool"), StreamPublisher(f"rstream://{server.socket}")
    entries = [msgspec.structs.replace(entry(n), detail=large) for n in range(7)] + [entry(n) for n in range(7, 700)]
    audit = AuditBuffer(publisher, spool, LedgerWriter().record)
    for one in entries:
        audit.put(one)
    await audit.spool_all()
    assert len(spool.pending(99)) == 1
    await publisher.stop()
    async with sending_audit(server, spool):
        await until(lambda: not spool.pending(9))
    log = StreamLog.connect(f"rstream://{server.socket}")
    found = await log.read({TopicPartition(topics.DECISIONS, 0): 0}, 1000, 0.2)
    await log.close()
    messages = [item.value or b"" for items in found.entries.values() for item in items]
    assert max(map(len, messages)) < 500_000
    assert [made.id for message in messages for made in decode_entries(message) or []] == [one.id for one in entries]


async def test_new_decisions_precede_spooled_files(server: ValkeyServer, tmp_path: Path) -> None:
    """With hundreds of spooled batches, a new decision is on the topic before all of them are sent."""
    spool = Spool(tmp_path / "spool")
    for number in range(300):
        spool.write(encode_entries([entry(number)]))
    async with sending_audit(server, spool) as audit:
        await until(lambda: len(spool.pending(999)) < 300)
        audit.put(entry(5000))
        async with asyncio.timeout(20):
            while "dec_5000" not in await on_topic(server):  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.01)
        await until(lambda: not spool.pending(9))
    ids = await on_topic(server)
    assert ids.index("dec_5000") < 299
    assert sorted(ids) == sorted({f"dec_{n}" for n in [*range(300), 5000]})


def test_spooled_batch_is_sent_by_one_process(tmp_path: Path) -> None:
    """A claimed file is skipped by others, an unreadable one set aside, an unfinished or abandoned one removed."""
    folder = tmp_path / "spool"
    spool, other = Spool(folder), Spool(folder)
    spool.write(b"a")
    (path,) = other.pending(9)
    with spool.locked(path) as mine, other.locked(path) as theirs:
        assert (mine, theirs) == (b"a", None)
        spool.set_aside(path)
    assert [item.suffix for item in folder.iterdir()] == [".unreadable"]
    assert path.with_suffix(".unreadable").stat().st_mode & 0o077 == 0
    with spool.locked(path) as gone:
        assert gone is None
    abandoned, being_written = folder / "1.part", folder / "2.part"
    for part in (abandoned, being_written):
        part.write_bytes(b"half")
    os.utime(abandoned, (0, 0))
    assert spool.next_file() is None
    assert not abandoned.exists()
    assert being_written.exists()
    being_written.unlink()
    folder.chmod(0o500)
    try:
        if os.geteuid() != 0:
            with pytest.raises(OSError, match="denied"):
                spool.write(b"c")
    finally:
        folder.chmod(0o700)
    assert not list(folder.glob("*.part"))


def spooled(spool: Spool) -> list[str]:
    """Decision IDs in the spool files."""
    batches = [path.read_bytes() for path in spool.pending()]
    return [made.id for batch in batches for made in decode_entries(batch) or []]


async def test_silent_broker_leaves_nothing_in_memory(tmp_path: Path) -> None:
    """When the broker neither answers nor fails, waiting and in-flight decisions are spooled; later all are sent."""
    broker, spool = Broker(silent=True), Spool(tmp_path / "spool")
    ids = [f"dec_{number}" for number in range(600)]
    async with running(broker, spool) as audit:
        for number in range(600):
            audit.put(entry(number))
        await until(lambda: spooled(spool) == ids)
        broker.silent = False
        await until(lambda: not spool.pending())
    assert set(broker.ids) == set(ids)


async def test_close_spools_without_waiting_for_the_broker(tmp_path: Path) -> None:
    """A process may be killed while it retries, so its decisions are on disk by then."""
    spool = Spool(tmp_path / "spool")
    audit = AuditBuffer(Broker(silent=True), spool, LedgerWriter().record)
    audit.put(entry(1))
    closing = asyncio.create_task(audit.close(3600))
    await until(lambda: spooled(spool) == ["dec_1"])
    closing.cancel()
    await asyncio.gather(closing, return_exceptions=True)


async def test_spooled_files_are_sent_under_load(tmp_path: Path) -> None:
    """Each message that is sent is followed by a new decision; the spooled file is sent all the same."""
    spool = Spool(tmp_path / "spool")
    spool.write(encode_entries([entry(1)]))

    class Busy(Broker):
        async def publish(
            self, topic: str, messages: Sequence[Message], *, durable_within: float | None = None
        ) -> None:
            await super().publish(topic, messages, durable_within=durable_within)
            audit.put(entry(1000 + len(self.ids)))

    broker = Busy()
    async with running(broker, spool) as audit:
        audit.put(entry(1000))
        await until(lambda: "dec_1" in broker.ids)


@pytest.mark.parametrize("from_spool", [False, True])
async def test_oversized_decision_is_written_to_the_ledger(tmp_path: Path, *, from_spool: bool) -> None:
    """The broker's limit is below the assumed one: batches are split; a decision that is too large blocks no other."""
    large = msgspec.structs.replace(entry(7), detail=b'{"answer":"' + b"x" * 2_000 + b'"}')
    entries = [entry(number) for number in range(40)]
    entries[7] = large
    broker, ledger_writer, spool = Broker(largest=1_000), LedgerWriter(), Spool(tmp_path / "spool")
    if from_spool:
        spool.write(encode_entries(entries))
    async with running(broker, spool, ledger_writer) as audit:
        for each in entries if not from_spool else []:
            audit.put(each)
        await until(lambda: len(broker.ids) + len(ledger_writer.ids) == 40)
    assert ledger_writer.ids == ["dec_7"]
    assert broker.ids == [each.id for each in entries if each is not large]


async def test_unsendable_batch_blocks_no_other(tmp_path: Path) -> None:
    """An unreadable file, one of rubbish and one that meets a ledger outage do not keep the next from being sent."""
    folder = tmp_path / "spool"
    spool, broker, ledger_writer = Spool(folder), Broker(largest=500), LedgerWriter(away=True)
    (folder / "0-directory.decisions").mkdir(parents=True)
    (folder / "1-rubbish.decisions").write_bytes(b"rubbish")
    large = msgspec.structs.replace(entry(7), detail=b'{"answer":"' + b"x" * 2_000 + b'"}')
    (folder / "2-large.decisions").write_bytes(encode_entries([large]))
    spool.write(encode_entries([entry(1)]))
    before = REGISTRY.get_sample_value("creditgate_audit_unreadable_total") or 0.0
    async with running(broker, spool, ledger_writer) as audit:
        await until(lambda: broker.ids == ["dec_1"])
        audit.put(entry(2))
        await until(lambda: broker.ids == ["dec_1", "dec_2"])
    assert REGISTRY.get_sample_value("creditgate_audit_unreadable_total") == before + 1
    assert (folder / "1-rubbish.unreadable").read_bytes() == b"rubbish"
    assert (folder / "2-large.decisions").exists()


async def test_spool_folder_is_read_once_per_backlog(tmp_path: Path) -> None:
    """Listing a folder with a day's files takes longer than sending twenty of them."""
    readings = 0

    class Counting(Spool):
        def pending(self, most: int | None = None) -> list[Path]:
            nonlocal readings
            readings += 1
            return super().pending(most)

    spool, broker = Counting(tmp_path / "spool"), Broker()
    for number in range(400):
        spool.write(encode_entries([entry(number)]))
    async with running(broker, spool):
        await until(lambda: len(broker.ids) == 400)
        assert readings < 5  # of twenty turns; the folder may be read again once all is sent


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After repeated failures no unfinished file stays."""
    folder = tmp_path / "spool"
    spool = Spool(folder)

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("gateway.audit.spool.os.fsync", full)
    for _ in range(3):
        with pytest.raises(OSError, match="No space"):
            spool.write(b"a")
    assert list(folder.iterdir()) == []


def test_spool_limit_counts_all_processes(tmp_path: Path) -> None:
    """Two processes of one machine share a folder, and the bound holds for both together."""
    one, other = (Spool(tmp_path / "spool", max_bytes=10, measure_after_bytes=4) for _ in range(2))
    one.write(b"1234")
    other.write(b"5678")
    with pytest.raises(OSError, match="full"):
        one.write(b"9abc")


@pytest.mark.kafka
async def test_kafka_outage_is_spooled_with_large_decisions(tmp_path: Path) -> None:
    """On a topic of 1 MiB: 1.5 MB at once, a decision of 2 MB, then a killed broker and the next process."""
    require(KafkaBroker.available())
    spool, ledger_writer = Spool(tmp_path / "spool"), LedgerWriter()
    padded = [msgspec.structs.replace(entry(n), detail=b'{"a":"' + b"x" * 3_000 + b'"}') for n in range(500)]
    padded[3] = msgspec.structs.replace(entry(3), detail=b'{"a":"' + b"x" * 2_000_000 + b'"}')
    with KafkaBroker(tmp_path / "kafka") as broker:
        broker.create_topics(1, topics.DECISIONS)
        async with running(KafkaPublisher([broker.bootstrap]), spool, ledger_writer) as audit:
            for each in padded:
                audit.put(each)
            await until(lambda: not audit.pending and not spool.pending())
            broker.kill()
            for number in range(500, 600):
                audit.put(entry(number))
            await until(lambda: len(spooled(spool)) == 100)
        broker.start()
        async with running(KafkaPublisher([broker.bootstrap]), spool, ledger_writer):
            async with asyncio.timeout(60):
                while spool.pending():  # noqa: ASYNC110 - another process
                    await asyncio.sleep(0.05)
        assert ledger_writer.ids == ["dec_3"]
        arrived = await on_kafka(broker, 599)
    assert arrived == {f"dec_{number}" for number in range(600) if number != 3}


async def on_kafka(broker: KafkaBroker, count: int) -> set[str]:
    consumer = AIOKafkaConsumer(
        topics.DECISIONS, bootstrap_servers=broker.bootstrap, group_id="reader", auto_offset_reset="earliest"
    )
    await consumer.start()
    found = set[str]()
    try:
        async with asyncio.timeout(60):
            while len(found) < count:
                message = await consumer.getone()
                found |= {made.id for made in decode_entries(message.value or b"") or []}
    finally:
        await consumer.stop()
    return found
