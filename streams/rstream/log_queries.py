"""What Faust asks a consumer about topics, partitions and offsets, answered from the stream log."""

from collections.abc import Mapping

from faust.transport.consumer import Consumer as FaustConsumer
from faust.types import TP

from store.broker.stream_log import StreamLog
from streams.rstream import faust_internals
from streams.rstream.outage import retry_during_outage
from streams.rstream.positions import Positions


class LogQueries(FaustConsumer):  # type: ignore[misc]
    """The part of a consumer that reads no entries; subclasses set ``_log`` and ``_positions``."""

    _log: StreamLog
    _positions: Positions

    async def position(self, tp: TP) -> int | None:
        """The next offset to read."""
        return self._positions.of(tp)

    async def _seek(self, partition: TP, offset: int) -> None:
        self._positions.move(TP(*partition), offset)

    async def seek_wait(self, partitions: Mapping[TP, int]) -> None:
        """Continue at these offsets."""
        for partition, offset in partitions.items():
            self._positions.move(partition, offset)
            faust_internals.set_read_offset(self, partition, offset)

    async def earliest_offsets(self, *partitions: TP) -> dict[TP, int]:
        """The first offsets that are still in the log."""
        ranges = await retry_during_outage(self, lambda: self._log.offset_ranges(partitions), "offset_ranges")
        return {TP(*partition): found.earliest for partition, found in ranges.items()}

    async def highwaters(self, *partitions: TP) -> dict[TP, int]:
        """The offsets that the next records will have."""
        ranges = await retry_during_outage(self, lambda: self._log.offset_ranges(partitions), "offset_ranges")
        ends = {TP(*partition): found.end for partition, found in ranges.items()}
        self._positions.ends.update(ends)
        return ends

    def highwater(self, tp: TP) -> int:
        """The highest end of the partition seen so far."""
        return self._positions.ends.get(tp, 0)

    def topic_partitions(self, topic: str) -> int | None:
        """How many partitions the topic has, if this worker knows it."""
        return self._log.known_partition_count(topic)

    def key_partition(self, topic: str, key: bytes | None, partition: int | None = None) -> int | None:
        """The partition of a record with this key, if this worker knows the topic."""
        if self._log.known_partition_count(topic) is None:
            return None
        return self._log.partition_for(topic, key) if partition is None else partition

    async def create_topic(self, topic: str, partitions: int, replication: int, **_options: object) -> None:
        """Declare the topic."""
        await retry_during_outage(self, lambda: self._log.declare_topic(topic, partitions), "declare")

    def _new_topicpartition(self, topic: str, partition: int) -> TP:
        return TP(topic, partition)
