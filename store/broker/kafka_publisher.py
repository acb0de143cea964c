"""Publish to Kafka."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError

from store.broker.publisher import BrokerUnavailableError, Message, MessageTooLargeError

MAX_MESSAGE_BYTES = 4 * 1024 * 1024
"""The largest message the producer sends; topics are created with it. A decision about many subjects can be long."""
_PUBLISH_DEADLINE_S = 5.0
_STOP_DEADLINE_S = 5.0


class KafkaPublisher:
    """Kafka: every in-sync replica has the message before ``publish`` returns (``acks=all``)."""

    def __init__(self, bootstrap: Sequence[str]) -> None:
        self._bootstrap = list(bootstrap)
        self._producer: AIOKafkaProducer | None = None
        self._connecting = asyncio.Lock()
        self._closing: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Connect; if that fails, ``publish`` tries again."""
        with suppress(KafkaError, OSError, TimeoutError):
            async with asyncio.timeout(_PUBLISH_DEADLINE_S):
                await self._connected()

    async def stop(self) -> None:
        """Close the producer."""
        if self._producer is not None:
            await _stop(self._producer)
        await asyncio.gather(*self._closing)

    async def publish(self, topic: str, messages: Sequence[Message], *, durable_within: float | None = None) -> None:
        """See ``Publisher.publish``; always durable. Raises ``MessageTooLargeError`` when a message is too large."""
        try:
            # An idempotent producer retries without end, also after this deadline: consumers drop the duplicate.
            async with asyncio.timeout(durable_within or _PUBLISH_DEADLINE_S):
                await self._send(await self._connected(), topic, messages)
        except MessageSizeTooLargeError as error:
            raise MessageTooLargeError(topic) from error
        except (KafkaError, OSError, TimeoutError) as error:
            raise BrokerUnavailableError(type(error).__name__) from error

    async def _send(self, producer: AIOKafkaProducer, topic: str, messages: Sequence[Message]) -> None:
        try:
            futures = [
                await producer.send(topic, message.value, key=message.key, headers=message.headers)
                for message in messages
            ]
            for future in futures:
                await future
        except KafkaError as error:
            if not error.retriable:
                # A rejected message leaves a gap in an idempotent producer's sequence: it can send nothing any more.
                self._discard(producer)
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
            max_request_size=MAX_MESSAGE_BYTES,
        )
        try:
            await producer.start()
        except BaseException:  # also a timeout: the producer would keep its connections for ever
            self._discard(producer)
            raise
        return producer

    def _discard(self, producer: AIOKafkaProducer) -> None:
        """Close this producer; the next message goes through a new one."""
        if self._producer is producer:
            self._producer = None
        task = asyncio.create_task(_stop(producer))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


async def _stop(producer: AIOKafkaProducer) -> None:
    with suppress(KafkaError, OSError, TimeoutError):
        async with asyncio.timeout(_STOP_DEADLINE_S):  # waits without end for a broker that is unavailable
            await producer.stop()
            return
    with suppress(KafkaError, OSError, TimeoutError):
        async with asyncio.timeout(_STOP_DEADLINE_S):
            await producer.client.close()
            await producer._sender.close()  # else it retries and connects again
