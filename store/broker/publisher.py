"""Put messages on a topic, whichever broker is behind: Kafka, or Valkey Streams in embedded mode."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError
from redis.exceptions import RedisError

from rules.faults import CreditGateError
from store.broker.stream_entry import Record
from store.broker.stream_faults import NotDurableError, UnknownTopicError
from store.broker.stream_log import StreamLog

MESSAGE_BYTES = 4 * 1024 * 1024
"""The largest message, where the broker can be told: a decision about many subjects with many listings."""
_DEADLINE, _TO_STOP = 5.0, 5.0


class BrokerUnavailableError(CreditGateError):
    """The broker did not take the messages, or cannot be known to have taken them. Sending again is safe."""


class MessageTooLargeError(BrokerUnavailableError):
    """The broker takes no message of that size: sending it again is in vain."""


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
        """Put messages on the topic. Raises ``BrokerUnavailableError``.

        With ``durable_within`` (seconds) it returns only once the messages survive the loss of the broker's
        process and, where the broker can, of its power.
        """


class KafkaPublisher:
    """Kafka: every in-sync replica has the message before ``publish`` returns (``acks=all``)."""

    def __init__(self, bootstrap: Sequence[str]) -> None:
        self._bootstrap = list(bootstrap)
        self._producer: AIOKafkaProducer | None = None
        self._connecting = asyncio.Lock()
        self._given_up: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Connect; when that fails, ``publish`` tries again."""
        with suppress(KafkaError, OSError, TimeoutError):
            async with asyncio.timeout(_DEADLINE):
                await self._connected()

    async def stop(self) -> None:
        """Close the producer."""
        if self._producer is not None:
            await _stop(self._producer)
        await asyncio.gather(*self._given_up)

    async def publish(self, topic: str, messages: Sequence[Message], *, durable_within: float | None = None) -> None:
        """See ``Publisher.publish``; durable always. Raises ``MessageTooLargeError`` where a message is."""
        try:
            # An idempotent producer tries without end; what it sends after that is sent twice, and taken once.
            async with asyncio.timeout(durable_within or _DEADLINE):
                await self._send(await self._connected(), topic, messages)
        except MessageSizeTooLargeError as error:
            raise MessageTooLargeError(topic) from error
        except (KafkaError, OSError, TimeoutError) as error:
            raise BrokerUnavailableError(type(error).__name__) from error

    async def _send(self, producer: AIOKafkaProducer, topic: str, messages: Sequence[Message]) -> None:
        try:
            waiting = [
                await producer.send(topic, message.value, key=message.key, headers=message.headers)
                for message in messages
            ]
            for future in waiting:
                await future
        except KafkaError as error:
            if not error.retriable:
                # What was refused leaves a gap in an idempotent producer's numbers: it can send nothing any more.
                self._give_up(producer)
            raise

    async def _connected(self) -> AIOKafkaProducer:
        async with self._connecting:
            if self._producer is None:
                self._producer = await self._connect()
            return self._producer

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
        except BaseException:  # also when there is no more time: it would hold its connections for ever
            self._give_up(producer)
            raise
        return producer

    def _give_up(self, producer: AIOKafkaProducer) -> None:
        """Let go of it; the next message goes through another."""
        if self._producer is producer:
            self._producer = None
        task = asyncio.create_task(_stop(producer))
        self._given_up.add(task)
        task.add_done_callback(self._given_up.discard)


async def _stop(producer: AIOKafkaProducer) -> None:
    with suppress(KafkaError, OSError, TimeoutError):
        async with asyncio.timeout(_TO_STOP):  # it waits for a broker that is away without end
            await producer.stop()
            return
    with suppress(KafkaError, OSError, TimeoutError):
        async with asyncio.timeout(_TO_STOP):
            await producer.client.close()
            await producer._sender.close()  # else it goes on trying, and connects again


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
        except (RedisError, NotDurableError, UnknownTopicError, OSError, TimeoutError) as error:
            raise BrokerUnavailableError(type(error).__name__) from error


def publisher_for(broker_url: str) -> Publisher:
    """The publisher of ``kafka://host:port[,host:port]`` or ``rstream://…``."""
    scheme, _, address = broker_url.partition("://")
    if scheme == "kafka":
        return KafkaPublisher([part.removeprefix("kafka://") for part in address.replace(";", ",").split(",")])
    return StreamPublisher(broker_url)
