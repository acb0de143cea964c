"""A real Kafka broker, killed and restarted: what it acknowledged and what was committed is still there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from store.broker.kafka_publisher import KafkaPublisher
from store.broker.publisher import BrokerUnavailableError, Message, MessageTooLargeError
from tests.kafka.broker import KafkaBroker
from tests.servers import require

TOPIC = "smoke"
GROUP = "smoke-group"
SENT = [f"event-{number}".encode() for number in range(20)]


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[KafkaBroker]:
    require(KafkaBroker.available())
    with KafkaBroker(tmp_path / "kafka") as running:
        yield running


@pytest.mark.kafka
async def test_acknowledged_messages_and_committed_offset_survive_kill_9(broker: KafkaBroker) -> None:
    """Produce with acks=all, commit in the middle, SIGKILL the broker: reading goes on exactly there."""
    broker.create_topics(1, TOPIC)
    await _produce(broker)
    async with _consumer(broker) as consumer:
        first = [(await consumer.getone()).value for _ in range(8)]
        await consumer.commit({TopicPartition(TOPIC, 0): 8})
    broker.kill()
    broker.start()
    async with _consumer(broker) as consumer:
        assert await consumer.committed(TopicPartition(TOPIC, 0)) == 8
        rest = [(await consumer.getone()).value for _ in range(len(SENT) - 8)]
    assert first + rest == SENT


@pytest.mark.kafka
def test_it_listens_on_loopback_only(broker: KafkaBroker) -> None:
    """Neither the client port nor the controller port is open to the network."""
    rows = [row.split() for name in ("tcp", "tcp6") for row in Path(f"/proc/net/{name}").read_text().splitlines()]
    listening = [row[1].split(":") for row in rows if row[3] == "0A"]
    ours = [address for address, port in listening if int(port, 16) in (broker.port, broker.controller_port)]
    assert len(ours) == 2
    assert all(address.endswith("0100007F") for address in ours)  # 127.0.0.1, maybe as ::ffff:127.0.0.1


@pytest.mark.kafka
async def test_absent_broker_is_reported_before_the_deadline(broker: KafkaBroker) -> None:
    """After the broker is killed, publishing raises ``BrokerUnavailableError`` and stopping ends as well."""
    broker.create_topics(1, TOPIC)
    publisher = KafkaPublisher([broker.bootstrap])
    await publisher.publish(TOPIC, [Message(None, b"x" * 2_000)])
    broker.kill()
    async with asyncio.timeout(60):
        with pytest.raises(BrokerUnavailableError):
            await publisher.publish(TOPIC, [Message(None, b"y")])
        await publisher.stop()


@pytest.mark.kafka
@pytest.mark.parametrize("size", [2_000_000, 5_000_000])
async def test_oversized_message_blocks_no_other(broker: KafkaBroker, size: int) -> None:
    """Only the message that broker (topic limit 1 MiB) or producer refuses fails; later ones arrive."""
    broker.create_topics(1, TOPIC)
    publisher = KafkaPublisher([broker.bootstrap])
    try:
        await publisher.publish(TOPIC, [Message(None, b"before")])
        with pytest.raises(MessageTooLargeError):
            await publisher.publish(TOPIC, [Message(None, b"x" * size)])
        for number in range(3):
            await publisher.publish(TOPIC, [Message(None, f"after-{number}".encode())])
    finally:
        await publisher.stop()
    async with _consumer(broker) as consumer:
        arrived = [(await consumer.getone()).value for _ in range(4)]
    assert arrived == [b"before", b"after-0", b"after-1", b"after-2"]


async def test_silent_broker_is_reported_before_the_deadline() -> None:
    """Connecting has the same deadline as publishing, and leaves no connection open."""
    open_now = 0

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal open_now
        open_now += 1
        await reader.read()
        open_now -= 1
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    publisher = KafkaPublisher([f"127.0.0.1:{server.sockets[0].getsockname()[1]}"])
    async with asyncio.timeout(8):  # the producer's own limit is 10 s for each request
        with pytest.raises(BrokerUnavailableError):
            await publisher.publish(TOPIC, [Message(None, b"x")], durable_within=0.5)
        await publisher.stop()
        while open_now:  # noqa: ASYNC110 - the other end tells nobody
            await asyncio.sleep(0.01)
    server.close()


async def _produce(broker: KafkaBroker) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=broker.bootstrap, acks="all")
    await producer.start()
    try:
        for value in SENT:
            await producer.send_and_wait(TOPIC, value, partition=0)
    finally:
        await producer.stop()


@asynccontextmanager
async def _consumer(broker: KafkaBroker) -> AsyncIterator[AIOKafkaConsumer]:
    consumer = AIOKafkaConsumer(
        TOPIC,
        bootstrap_servers=broker.bootstrap,
        group_id=GROUP,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    await consumer.start()
    try:
        yield consumer
    finally:
        await consumer.stop()
