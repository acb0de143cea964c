"""Publish to the stream log, in embedded mode."""

from collections.abc import Sequence

from redis.exceptions import RedisError

from store.broker.publisher import BrokerUnavailableError, Message
from store.broker.stream_entry import Record
from store.broker.stream_faults import NotDurableError, UnknownTopicError
from store.broker.stream_log import StreamLog


class StreamPublisher:
    """Valkey Streams: with ``durable_within``, on disk in the append-only file before ``publish`` returns."""

    def __init__(self, url: str) -> None:
        self._log = StreamLog.connect(url)

    async def start(self) -> None:
        """Nothing to do: connections are opened when needed."""

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
