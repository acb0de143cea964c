"""Put messages on a topic, whichever broker is behind: Kafka, or Valkey Streams in embedded mode."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from redis.exceptions import RedisError

from register.stream_entry import Record
from register.stream_faults import NotDurable, UnknownTopic
from register.stream_log import StreamLog

MESSAGE_BYTES = 4 * 1024 * 1024
"""The largest message, where the broker can be told: a decision about many subjects with many listings."""
_DEADLINE, _TO_STOP = 5.0, 5.0


class BrokerUnavailable(Exception):
    """The broker did not take the messages, or cannot be known to have taken them. Sending again is safe."""


@dataclass(frozen=True, slots=True)
class Message:
    """What is to be published."""

    key: bytes | None
    value: bytes
    headers: list[tuple[str, bytes]] = field(default_factory=list)


class Publisher(Protocol):
    """Where the gateway publishes."""

    async def start(self) -> None:
        """Connect as far as possible; a broker that is away is no reason to fail."""

    async def stop(self) -> None:
        """Let go of connections."""

    async def publish(self, topic: str, messages: Sequence[Message], *, durable_within: float | None = None) -> None:
        """Put messages on the topic. Raises ``BrokerUnavailable``.

        With ``durable_within`` (seconds) it returns only once the messages survive the loss of the broker's
        process and, where the broker can, of its power.
        """


class KafkaPublisher:
    """Kafka: every in-sync replica has the message before ``publish`` returns (``acks=all``)."""

    def __init__(self, bootstrap: Sequence[str]) -> None:
        self._bootstrap = list(bootstrap)
        self._producer: AIOKafkaProducer | None = None
        self._connecting = asyncio.Lock()

    async def start(self) -> None:
        """Connect; when that fails, ``publish`` tries again."""
        try:
            await self._connected()
        except BrokerUnavailable:
            return

    async def stop(self) -> None:
        """Close the producer."""
        if self._producer is None:
            return
        with suppress(TimeoutError):  # it waits for a broker that is away without end
            async with asyncio.timeout(_TO_STOP):
                await self._producer.stop()

    async def publish(self, topic: str, messages: Sequence[Message], *, durable_within: float | None = None) -> None:
        """See ``Publisher.publish``; durable always."""
        producer = await self._connected()
        try:
            # An idempotent producer tries without end; what it sends after that is sent twice, and taken once.
            async with asyncio.timeout(durable_within or _DEADLINE):
                waiting = [
                    await producer.send(topic, message.value, key=message.key, headers=message.headers)
                    for message in messages
                ]
                for future in waiting:
                    await future
        except (KafkaError, OSError, TimeoutError) as error:
            raise BrokerUnavailable(type(error).__name__) from error

    async def _connected(self) -> AIOKafkaProducer:
        async with self._connecting:
            return self._producer or await self._connect()

    async def _connect(self) -> AIOKafkaProducer:
        producer = AIOKafkaProducer(
            bootstrap_servers=self._bootstrap,
            acks="all",
            enable_idempotence=True,
            linger_ms=2,
            request_timeout_ms=10_000,
            max_request_size=MESSAGE_BYTES,
        )
        try:
            await producer.start()
        except (KafkaError, OSError) as error:
            await producer.stop()
            raise BrokerUnavailable(type(error).__name__) from error
        self._producer = producer
        return producer


class StreamPublisher:
    """Valkey Streams: in the append-only file on disk before ``publish`` returns, when asked for."""

    def __init__(self, url: str) -> None:
        self._log = StreamLog.connect(url)

    async def start(self) -> None:
        """Nothing to do: connections are made when needed."""

    async def stop(self) -> None:
        """Close the connections."""
        await self._log.close()

    async def publish(self, topic: str, messages: Sequence[Message], *, durable_within: float | None = None) -> None:
        """See ``Publisher.publish``."""
        records = [Record(topic, message.value, message.key, message.headers) for message in messages]
        try:
            if durable_within is None:
                await self._log.append(records)
            else:
                await self._log.append_durably(records, durable_within)
        except (RedisError, NotDurable, UnknownTopic, OSError, TimeoutError) as error:
            raise BrokerUnavailable(type(error).__name__) from error


def publisher_for(broker_url: str) -> Publisher:
    """The publisher of ``kafka://host:port[,host:port]`` or ``rstream://…``."""
    scheme, _, address = broker_url.partition("://")
    if scheme == "kafka":
        return KafkaPublisher([part.removeprefix("kafka://") for part in address.replace(";", ",").split(",")])
    return StreamPublisher(broker_url)
