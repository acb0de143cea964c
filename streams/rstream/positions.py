"""The consumer's read position in each of its partitions."""

from collections.abc import Iterable, Mapping

from faust.types import TP

from store.broker.stream_entry import Entry, TopicPartition
from store.broker.stream_log import StreamLog


class Positions:
    """The next offset to read of each partition, and the highest end seen of each."""

    def __init__(self, log: StreamLog, group: str) -> None:
        self._log = log
        self._group = group
        self._next: dict[TP, int] = {}
        self.ends: dict[TP, int] = {}

    def clear(self) -> None:
        """Forget all positions: nothing is read until ``seek_to_committed`` or ``move``."""
        self._next = {}

    async def seek_to_committed(self, partitions: Iterable[TP], *, latest: bool) -> dict[TP, int]:
        """Move to the committed offsets; without a commit, to the latest or the earliest entry.

        A commit outside the log is moved to its nearest end. Returns the positions.
        """
        committed = await self._log.committed(self._group)
        ranges = await self._log.offset_ranges(list(partitions))
        self._next = {
            partition: min(max(committed.get(partition, end if latest else earliest), earliest), end)
            for partition, (earliest, end) in ranges.items()
        }
        return dict(self._next)

    def move(self, partition: TP, offset: int) -> None:
        """Move to this offset."""
        self._next[partition] = offset

    def of(self, partition: TP) -> int | None:
        """The next offset to read."""
        return self._next.get(partition)

    def of_all(self, partitions: Iterable[TP]) -> dict[TP, int]:
        """The next offsets of those partitions that have one."""
        return {partition: self._next[partition] for partition in partitions if partition in self._next}

    def advance(
        self, requested: Mapping[TP, int], found: Mapping[TopicPartition, list[Entry]]
    ) -> dict[TP, list[Entry]]:
        """Move behind the entries that were read from ``requested`` on, and return them.

        Entries of a partition whose position was moved during the read are dropped.
        """
        fresh = {TP(*partition): entries for partition, entries in found.items()}
        fresh = {
            partition: entries
            for partition, entries in fresh.items()
            if self._next.get(partition) == requested[partition]
        }
        for partition, entries in fresh.items():
            self._next[partition] = entries[-1].offset + 1
            self.ends[partition] = max(self.ends.get(partition, 0), self._next[partition])
        return fresh
