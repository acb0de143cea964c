"""Decisions on their way to the ledger: in batches, over an outage of the broker and the end of a process."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from config import topics
from gateway.audit import Audit
from gateway.problems import Problem
from gateway.spool import Spool
from register.database import decisions
from register.decisions import DecisionEntry, DecisionLog, decode_entries, encode_entries
from register.publisher import BrokerUnavailable, StreamPublisher
from register.stream_entry import TopicPartition
from register.stream_log import StreamLog
from streams.decision_agent import carry_decisions
from streams.delivered import Delivered
from tests.integration.feeding import CHAIN
from tests.integration.valkey_server import ValkeyServer


def entry(number: int) -> DecisionEntry:
    return DecisionEntry(f"dec_{number}", 1000 + number, "c", "o", "p", "s", "T", "allow", b'{"answer":{}}')


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[ValkeyServer]:
    """A broker of its own, with the topic."""
    running = ValkeyServer(tmp_path / "valkey")
    running.start()
    log = StreamLog.connect(f"rstream://{running.socket}")
    await log.declare_topic(topics.DECISIONS, 1)
    await log.close()
    yield running
    running.stop()


@asynccontextmanager
async def sending_audit(server: ValkeyServer, spool: Spool) -> AsyncIterator[Audit]:
    """The audit of a process that runs for as long as the block."""
    publisher = StreamPublisher(f"rstream://{server.socket}")
    audit = Audit(publisher, spool)
    task = asyncio.create_task(audit.keep_sending())
    yield audit
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await publisher.stop()


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


async def test_an_outage_is_spooled_and_made_up_for(server: ValkeyServer, tmp_path: Path) -> None:
    """While the broker is away nothing stays in memory; when it is back everything arrives, once the files are gone."""
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
        await until(lambda: bool(spool.waiting(9)))
    await audit.keep()
    server.start()
    # Another process, after the first one ended: what was spooled is sent.
    async with sending_audit(server, spool):
        await until(lambda: not spool.waiting(9))
    assert set(await on_topic(server)) == {f"dec_{number}" for number in range(900)}


async def test_no_room_anywhere_is_a_503(server: ValkeyServer, tmp_path: Path) -> None:
    """A decision that can be kept nowhere is not made."""
    publisher = StreamPublisher(f"rstream://{server.socket}")
    audit = Audit(publisher, Spool(tmp_path / "file" / "spool"))
    (tmp_path / "file").write_text("no folder")
    for number in range(50_000):
        audit.put(entry(number))
    with pytest.raises(Problem, match="audit_unavailable"):
        audit.put(entry(50_000))
    with pytest.raises(OSError, match="directory"):
        await audit.keep()
    server.kill()
    with pytest.raises(BrokerUnavailable):
        await audit.flush()
    await publisher.stop()


async def test_batches_single_ones_and_rubbish_reach_the_ledger_as_they_should(engine: AsyncEngine) -> None:
    """A batch, a decision in its older form, the same again, and bytes of nobody's: each decision once."""
    batch = encode_entries([entry(n) for n in range(5)])
    older = msgspec.json.encode(entry(9))
    values = [batch, older, b"\xff rubbish", b"", batch]
    records = [Delivered(topics.DECISIONS, 0, n, 1.0, None, value, []) for n, value in enumerate(values)]
    await carry_decisions(records, DecisionLog(engine, CHAIN))
    async with engine.connect() as connection:
        assert (await connection.execute(select(func.count()).select_from(decisions))).scalar_one() == 6
    assert decode_entries(batch) == [entry(n) for n in range(5)]


async def test_what_is_too_much_for_one_message_is_sent_as_several(server: ValkeyServer, tmp_path: Path) -> None:
    """By number and by size, from the buffer and from the spool: each message is below what a broker takes."""
    large = b'{"answer":"' + b"x" * 150_000 + b'"}'
    spool, publisher = Spool(tmp_path / "spool"), StreamPublisher(f"rstream://{server.socket}")
    entries = [msgspec.structs.replace(entry(n), detail=large) for n in range(7)] + [entry(n) for n in range(7, 700)]
    audit = Audit(publisher, spool)
    for one in entries:
        audit.put(one)
    await audit.keep()
    assert len(spool.waiting(99)) == 1
    await publisher.stop()
    async with sending_audit(server, spool):
        await until(lambda: not spool.waiting(9))
    log = StreamLog.connect(f"rstream://{server.socket}")
    found = await log.read({TopicPartition(topics.DECISIONS, 0): 0}, 1000, 0.2)
    await log.close()
    messages = [item.value or b"" for items in found.entries.values() for item in items]
    assert max(map(len, messages)) < 500_000
    assert [made.id for message in messages for made in decode_entries(message) or []] == [one.id for one in entries]


async def test_new_decisions_do_not_wait_for_a_long_outages_files(server: ValkeyServer, tmp_path: Path) -> None:
    """Hundreds of spooled batches: what is decided now is on the topic before they are all sent."""
    spool = Spool(tmp_path / "spool")
    for number in range(300):
        spool.keep(encode_entries([entry(number)]))
    async with sending_audit(server, spool) as audit:
        await until(lambda: len(spool.waiting(999)) < 300)
        audit.put(entry(5000))
        async with asyncio.timeout(20):
            while "dec_5000" not in await on_topic(server):  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.01)
        await until(lambda: not spool.waiting(9))
    ids = await on_topic(server)
    assert ids.index("dec_5000") < 299
    assert sorted(ids) == sorted({f"dec_{n}" for n in [*range(300), 5000]})


def test_the_spool_leaves_nothing_behind_and_gives_each_batch_to_one(tmp_path: Path) -> None:
    """Taken by one process, another passes it by; unreadable is kept aside; what failed or was abandoned is removed."""
    folder = tmp_path / "spool"
    spool, other = Spool(folder), Spool(folder)
    spool.keep(b"a")
    (path,) = other.waiting(9)
    with spool.taken(path) as mine, other.taken(path) as theirs:
        assert (mine, theirs) == (b"a", None)
        spool.set_aside(path)
    assert [item.suffix for item in folder.iterdir()] == [".unreadable"]
    assert path.with_suffix(".unreadable").stat().st_mode & 0o077 == 0
    with spool.taken(path) as gone:
        assert gone is None
    abandoned = folder / "1.part"
    abandoned.write_bytes(b"half")
    os.utime(abandoned, (0, 0))
    Spool(folder).keep(b"b")
    assert not abandoned.exists()
    folder.chmod(0o500)
    try:
        if os.geteuid() != 0:
            with pytest.raises(OSError, match="denied"):
                spool.keep(b"c")
    finally:
        folder.chmod(0o700)
    assert not list(folder.glob("*.part"))
