"""Topics without Kafka: an append-only log in Valkey Streams, one stream per topic and partition.

    gateway ─▶ append_durably ─▶ stream ─▶ read ─▶ worker ─▶ commit ─▶ stream_retention.trim

``XADD key 0-*`` has the server number the entries 0-1, 0-2, … without a gap, so the offset of an entry
is that number less one, and the end of the log survives trimming. Data and commits share one
append-only file: a tail lost with the machine never leaves a commit ahead of its data.

Delivery is at least once. An append that fails may still have happened, wholly or not at all.
"""

import asyncio
from collections.abc import Mapping, Sequence
from itertools import count
from typing import Any, Self
from urllib.parse import urlsplit

from aiokafka.partitioner import DefaultPartitioner
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from store.broker.stream_answers import appended, extent_of, rows_by_stream
from store.broker.stream_durability import EVERY_SECOND, outlast_sync, synced_by, verify_policy
from store.broker.stream_entry import Entry, Extent, Reading, Record, TopicPartition, from_row, stream_id, to_fields
from store.broker.stream_faults import NotDurableError, UnknownTopicError, is_outage

ANSWER_LIMIT = 5.0
"""Seconds a server may take to answer; one that is stopped or cut off must not hold a caller for ever."""

_COMMIT = """
if ARGV[1] ~= '' and not string.find(redis.call('INFO', 'server'), 'run_id:' .. ARGV[1], 1, true) then
  return 0
end
redis.call('HSET', KEYS[1], unpack(ARGV, 2))
return 1
"""
_partitioner = DefaultPartitioner()


class StreamLog:
    """The log in one server. The client must not decode responses, and should not retry by itself."""

    def __init__(self, redis: "Redis", namespace: str = "cg:log") -> None:
        self._redis = redis
        self._namespace = namespace
        self._partitions: dict[str, int] = {}
        self._turns: dict[str, count[int]] = {}

    @classmethod
    def connect(cls, url: str, namespace: str = "cg:log") -> Self:
        """A log for ``rstream://:password@host:port/db`` or ``rstream:///absolute/path/of/socket``.

        Connects when first used. Its client never retries: a repeated XADD would be a second entry.
        """
        parts = urlsplit(url)
        address = f"{'redis' if parts.hostname else 'unix'}://{parts.netloc}{parts.path}"
        once = Retry(NoBackoff(), 0)
        # No socket timeout: XREAD and WAITAOF wait on purpose; every call here has a limit of its own.
        redis = Redis.from_url(address, retry=once, socket_timeout=None, socket_connect_timeout=ANSWER_LIMIT)
        return cls(redis, namespace)

    async def close(self) -> None:
        """Close the connections; a later call opens them again."""
        await self._redis.aclose()

    async def declare_topic(self, topic: str, partitions: int) -> int:
        """Create the topic unless it exists; the number of partitions it really has."""
        await self.ask("HSETNX", self.key("topics"), topic, partitions)
        return await self.partition_count(topic)

    async def partition_count(self, topic: str) -> int:
        """How many partitions the topic has. Raises ``UnknownTopicError`` when nobody declared it."""
        if topic not in self._partitions:
            found = await self.ask("HGET", self.key("topics"), topic)
            if found is None:
                raise UnknownTopicError(topic)
            self._partitions[topic] = int(found)
        return self._partitions[topic]

    def known_partitions(self, topic: str) -> int | None:
        """How many partitions the topic has, if this log has declared it or asked for it."""
        return self._partitions.get(topic)

    def partition_for(self, topic: str, key: bytes | None) -> int:
        """The partition Kafka's default partitioner (murmur2) gives this key; without a key, in turn.

        Raises ``UnknownTopicError`` unless this log has declared the topic or asked for its partitions.
        """
        if topic not in self._partitions:
            raise UnknownTopicError(topic)
        size = self._partitions[topic]
        if key is None:
            return next(self._turns.setdefault(topic, count())) % size
        return int(_partitioner(key, range(size), ()))

    async def append(self, records: Sequence[Record]) -> list[int]:
        """Append all the records and return their offsets; when this raises, all or none were appended."""
        async with asyncio.timeout(ANSWER_LIMIT):
            return (await self._append(records, None))[0]

    async def append_durably(self, records: Sequence[Record], timeout: float) -> list[int]:  # noqa: ASYNC109
        """Append, and return only after the append-only file with the records was fsynced.

        At once with ``appendfsync always``; with ``everysec`` it takes more than a second. Raises
        ``NotDurableError`` when that is not known after ``timeout`` seconds, or when the server cannot tell
        (older than Redis 7.2, no ``appendonly yes``, ``appendfsync no``). The records may be in the log all
        the same: publish them again under the same event ids.
        """
        try:
            async with asyncio.timeout(timeout + 0.5):  # WAITAOF is to answer first
                offsets, policy = await self._append(records, timeout)
                if policy == EVERY_SECOND:
                    await outlast_sync(self.ask)
                return offsets
        except Exception as error:
            if is_outage(error):
                raise NotDurableError(f"no answer from the log: {error!r}") from error
            raise

    async def verify_durable(self) -> None:
        """Raise ``NotDurableError`` unless this server can tell when an append is on disk. For start-up."""
        await verify_policy(self.ask)

    async def _append(self, records: Sequence[Record], durable_within: float | None) -> tuple[list[int], str]:
        if not records:
            return [], ""
        for topic in {record.topic for record in records}:
            await self.partition_count(topic)
        # Not the client's own transaction: WAITAOF must follow EXEC on the same connection.
        async with self._redis.pipeline(transaction=False) as pipeline:
            pipeline.execute_command("MULTI")
            for record in records:
                pipeline.execute_command("XADD", self._stream(self._place(record)), "0-*", *to_fields(record))
            pipeline.execute_command("EXEC")
            if durable_within is not None:
                # Never 0, which would wait for ever.
                pipeline.execute_command("WAITAOF", 1, 0, max(1, round(durable_within * 1000)))
                pipeline.execute_command("CONFIG", "GET", "appendfsync")
            answers = await pipeline.execute(raise_on_error=False)
        offsets = appended(answers[: len(records) + 2])
        return offsets, "" if durable_within is None else synced_by(*answers[-2:])

    async def read(self, positions: Mapping[TopicPartition, int], limit: int, wait: float) -> Reading:
        """About ``limit`` entries from these offsets on; waits up to ``wait`` seconds for the first one."""
        streams = {self._stream(place): place for place in positions}
        after = [stream_id(positions[place] - 1) for place in streams.values()]
        each, block = max(1, limit // len(streams)), max(1, round(wait * 1000))
        async with asyncio.timeout(wait + ANSWER_LIMIT), self._redis.pipeline(transaction=False) as pipeline:
            pipeline.execute_command("XREAD", "COUNT", each, "BLOCK", block, "STREAMS", *streams, *after)
            # On the same connection, so that it names the very server that gave the entries.
            pipeline.execute_command("INFO", "server")
            answer, information = await pipeline.execute(raise_on_error=False)
        if isinstance(information, Exception):
            raise information
        entries = {streams[key]: [from_row(row) for row in rows] for key, rows in rows_by_stream(answer)}
        return Reading(information["run_id"], entries)

    async def server(self) -> str:
        """The run id of the server: another one after each restart."""
        return str((await self.ask("INFO", "server"))["run_id"])

    async def commit(self, group: str, offsets: Mapping[TopicPartition, int], server: str | None = None) -> bool:
        """Note the next offset that the group wants of each partition.

        False, and nothing noted, when ``server`` is given and it is another one now: after a restart the
        offsets may belong to entries that were lost with the unsynced tail and were given out anew.
        """
        if not offsets:
            return True
        fields = [item for place, offset in offsets.items() for item in (f"{place[0]}:{place[1]}", offset)]
        return bool(await self.ask("EVAL", _COMMIT, 1, self.key("commits", group), server or "", *fields))

    async def committed(self, group: str) -> dict[TopicPartition, int]:
        """What the group has committed; partitions it never committed are missing."""
        fields = await self.ask("HGETALL", self.key("commits", group))
        places = {field.decode().rpartition(":"): int(offset) for field, offset in fields.items()}
        return {TopicPartition(topic, int(number)): offset for (topic, _, number), offset in places.items()}

    async def extents(self, places: Sequence[TopicPartition]) -> dict[TopicPartition, Extent]:
        """Where each partition begins and ends; right also after all of it was trimmed."""
        async with asyncio.timeout(ANSWER_LIMIT), self._redis.pipeline(transaction=False) as pipeline:
            for place in places:
                pipeline.xinfo_stream(self._stream(place))
            answers = await pipeline.execute(raise_on_error=False)
        return {place: extent_of(answer) for place, answer in zip(places, answers, strict=True)}

    async def first_from(self, place: TopicPartition, offset: int) -> Entry | None:
        """The first entry at or after the offset."""
        rows = await self.ask("XRANGE", self._stream(place), stream_id(offset), "+", "COUNT", 1)
        return from_row(rows[0]) if rows else None

    async def drop_before(self, place: TopicPartition, offset: int) -> int:
        """Remove the entries before the offset; how many. Their memory is freed, the end stays."""
        return int(await self.ask("XTRIM", self._stream(place), "MINID", "=", stream_id(offset)))

    def key(self, *parts: str) -> str:
        """The name of a key of this log."""
        return ":".join((self._namespace, *parts))

    async def ask(self, *command: str | bytes | float) -> Any:  # noqa: ANN401
        """The server's answer to one command, or ``TimeoutError``."""
        async with asyncio.timeout(ANSWER_LIMIT):
            return await self._redis.execute_command(*command)  # type: ignore[no-untyped-call]

    def _place(self, record: Record) -> TopicPartition:
        number = self.partition_for(record.topic, record.key) if record.partition is None else record.partition
        return TopicPartition(record.topic, number)

    def _stream(self, place: TopicPartition) -> bytes:
        return self.key("stream", place[0], str(place[1])).encode()
