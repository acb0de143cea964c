"""Decisions on their way to the ledger: in batches, over an outage of the broker and the end of a process."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from config import topics
from gateway.audit import Audit, Spool
from gateway.problems import Problem
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
        await until(lambda: bool(spool.waiting()))
    audit.keep()
    server.start()
    # Another process, after the first one ended: what was spooled is sent.
    async with sending_audit(server, spool):
        await until(lambda: not spool.waiting())
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
        audit.keep()
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
