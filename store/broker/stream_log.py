"""Topics without Kafka: an append-only log in Valkey Streams, one stream per topic and partition.

    gateway ─▶ append_durably ─▶ stream ─▶ read ─▶ worker ─▶ commit ─▶ stream_retention.trim

With ``XADD key 0-*`` the server numbers the entries 0-1, 0-2, … without a gap, so the offset of an entry is that
number less one, and the end of the log survives trimming. Data and commits share one append-only file: a tail
lost with the machine never leaves a commit ahead of its data.

Delivery is at least once. An append that fails may still have happened, as a whole.
"""

import asyncio
from collections.abc import Mapping, Sequence
from itertools import count

from aiokafka.partitioner import DefaultPartitioner
from redis.asyncio import Redis

from store.broker.stream_answers import appended_offsets, offset_range_of, rows_by_stream
from store.broker.stream_client import ANSWER_DEADLINE_S, StreamClient
from store.broker.stream_durability import EVERY_SECOND, sync_policy_of, verify_policy, wait_for_next_sync
from store.broker.stream_entry import (
    Entry,
    OffsetRange,
    ReadResult,
    Record,
    TopicPartition,
    entry_from_row,
    fields_of,
    stream_id,
)
from store.broker.stream_faults import NotDurableError, UnknownTopicError, is_outage

_WAITAOF_MARGIN_S = 0.5
"""The deadline of a durable append is this much later than WAITAOF's, which is to answer first."""
_COMMIT = """
if ARGV[1] ~= '' and not string.find(redis.call('INFO', 'server'), 'run_id:' .. ARGV[1], 1, true) then
  return 0
end
redis.call('HSET', KEYS[1], unpack(ARGV, 2))
return 1
"""
_partitioner = DefaultPartitioner()


class StreamLog(StreamClient):
    """The log in one server."""

    def __init__(self, redis: "Redis", namespace: str = "cg:log") -> None:
        super().__init__(redis, namespace)
        self._partition_counts: dict[str, int] = {}
        self._round_robin: dict[str, count[int]] = {}

    async def declare_topic(self, topic: str, partitions: int) -> int:
        """Create the topic unless it exists; returns the number of partitions it has."""
        await self.command("HSETNX", self.key("topics"), topic, partitions)
        return await self.partition_count(topic)

    async def partition_count(self, topic: str) -> int:
        """How many partitions the topic has. Raises ``UnknownTopicError`` when it was never declared."""
        if topic not in self._partition_counts:
            found = await self.command("HGET", self.key("topics"), topic)
            if found is None:
                raise UnknownTopicError(topic)
            self._partition_counts[topic] = int(found)
        return self._partition_counts[topic]

    def known_partition_count(self, topic: str) -> int | None:
        """How many partitions the topic has, if this client has declared it or asked for it."""
        return self._partition_counts.get(topic)

    def partition_for(self, topic: str, key: bytes | None) -> int:
        """The partition that Kafka's default partitioner (murmur2) gives this key; without a key, round robin.

        Raises ``UnknownTopicError`` unless this client has declared the topic or asked for its partitions.
        """
        if topic not in self._partition_counts:
            raise UnknownTopicError(topic)
        size = self._partition_counts[topic]
        if key is None:
            return next(self._round_robin.setdefault(topic, count())) % size
        return int(_partitioner(key, range(size), ()))

    async def append(self, records: Sequence[Record]) -> list[int]:
        """Append all the records and return their offsets; when this raises, all or none were appended."""
        async with asyncio.timeout(ANSWER_DEADLINE_S):
            return (await self._append(records, None))[0]

    async def append_durably(self, records: Sequence[Record], timeout: float) -> list[int]:  # noqa: ASYNC109
        """Append, and return only after the append-only file with the records was fsynced.

        Immediate with ``appendfsync always``, more than a second with ``everysec``. Raises ``NotDurableError``
        when that is not known after ``timeout`` seconds, or when the server cannot tell (older than Redis 7.2, no
        ``appendonly yes``, ``appendfsync no``). The records may be in the log all the same: publish them again
        under the same event ids.
        """
        try:
            async with asyncio.timeout(timeout + _WAITAOF_MARGIN_S):
                offsets, policy = await self._append(records, timeout)
                if policy == EVERY_SECOND:
                    await wait_for_next_sync(self.command)
                return offsets
        except Exception as error:
            if is_outage(error):
                raise NotDurableError(f"no answer from the log: {error!r}") from error
            raise

    async def verify_durable(self) -> None:
        """Raise ``NotDurableError`` unless this server can tell when an append is on disk."""
        await verify_policy(self.command)

    async def _append(self, records: Sequence[Record], durable_within: float | None) -> tuple[list[int], str]:
        """The offsets, and the server's sync policy where a durable append was asked for."""
        if not records:
            return [], ""
        for topic in {record.topic for record in records}:
            await self.partition_count(topic)
        # Not the client's own transaction: WAITAOF must follow EXEC on the same connection.
        async with self._redis.pipeline(transaction=False) as pipeline:
            pipeline.execute_command("MULTI")
            for record in records:
                pipeline.execute_command("XADD", self._stream(self._partition_of(record)), "0-*", *fields_of(record))
            pipeline.execute_command("EXEC")
            if durable_within is not None:
                # Never 0, which would wait for ever.
                pipeline.execute_command("WAITAOF", 1, 0, max(1, round(durable_within * 1000)))
                pipeline.execute_command("CONFIG", "GET", "appendfsync")
            answers = await pipeline.execute(raise_on_error=False)
        offsets = appended_offsets(answers[: len(records) + 2])
        return offsets, "" if durable_within is None else sync_policy_of(*answers[-2:])

    async def read(self, positions: Mapping[TopicPartition, int], limit: int, wait: float) -> ReadResult:
        """About ``limit`` entries from these offsets on; waits up to ``wait`` seconds for the first one."""
        streams = {self._stream(partition): partition for partition in positions}
        after = [stream_id(positions[partition] - 1) for partition in streams.values()]
        per_stream, block_ms = max(1, limit // len(streams)), max(1, round(wait * 1000))
        async with asyncio.timeout(wait + ANSWER_DEADLINE_S), self._redis.pipeline(transaction=False) as pipeline:
            pipeline.execute_command("XREAD", "COUNT", per_stream, "BLOCK", block_ms, "STREAMS", *streams, *after)
            # On the same connection, so that it names the very server that gave the entries.
            pipeline.execute_command("INFO", "server")
            answer, information = await pipeline.execute(raise_on_error=False)
        if isinstance(information, Exception):
            raise information
        entries = {streams[key]: [entry_from_row(row) for row in rows] for key, rows in rows_by_stream(answer)}
        return ReadResult(information["run_id"], entries)

    async def commit(self, group: str, offsets: Mapping[TopicPartition, int], server: str | None = None) -> bool:
        """Store the next offset that the group reads of each partition.

        False, and nothing stored, when ``server`` is given and another run answers: after a restart the offsets may
        belong to entries that were lost with the unsynced tail, and new entries have taken their numbers.
        """
        if not offsets:
            return True
        fields = [item for partition, offset in offsets.items() for item in (f"{partition[0]}:{partition[1]}", offset)]
        return bool(await self.command("EVAL", _COMMIT, 1, self.key("commits", group), server or "", *fields))

    async def committed(self, group: str) -> dict[TopicPartition, int]:
        """The offsets that the group has committed; partitions without a commit are left out."""
        fields = await self.command("HGETALL", self.key("commits", group))
        names = {field.decode().rpartition(":"): int(offset) for field, offset in fields.items()}
        return {TopicPartition(topic, int(number)): offset for (topic, _, number), offset in names.items()}

    async def offset_ranges(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, OffsetRange]:
        """Where each partition begins and ends; right also after all of it was trimmed."""
        async with asyncio.timeout(ANSWER_DEADLINE_S), self._redis.pipeline(transaction=False) as pipeline:
            for partition in partitions:
                pipeline.xinfo_stream(self._stream(partition))
            answers = await pipeline.execute(raise_on_error=False)
        return {partition: offset_range_of(answer) for partition, answer in zip(partitions, answers, strict=True)}

    async def first_from(self, partition: TopicPartition, offset: int) -> Entry | None:
        """The first entry at or after the offset."""
        rows = await self.command("XRANGE", self._stream(partition), stream_id(offset), "+", "COUNT", 1)
        return entry_from_row(rows[0]) if rows else None

    async def delete_before(self, partition: TopicPartition, offset: int) -> int:
        """Delete the entries before the offset; returns how many. Frees their memory, keeps the end."""
        return int(await self.command("XTRIM", self._stream(partition), "MINID", "=", stream_id(offset)))

    def _partition_of(self, record: Record) -> TopicPartition:
        number = self.partition_for(record.topic, record.key) if record.partition is None else record.partition
        return TopicPartition(record.topic, number)

    def _stream(self, partition: TopicPartition) -> bytes:
        return self.key("stream", partition[0], str(partition[1])).encode()
