"""Where the consumer stands in each of its partitions."""

from collections.abc import Iterable, Mapping

from faust.types import TP

from store.broker.stream_entry import Entry, TopicPartition
from store.broker.stream_log import StreamLog


class Positions:
    """The next offset to read of each partition, and the ends as far as they were seen."""

    def __init__(self, log: StreamLog, group: str) -> None:
        self._log = log
        self._group = group
        self._next: dict[TP, int] = {}
        self.ends: dict[TP, int] = {}

    def clear(self) -> None:
        """Stand nowhere: nothing is read until ``at_committed`` or ``move``."""
        self._next = {}

    async def at_committed(self, places: Iterable[TP], *, latest: bool) -> dict[TP, int]:
        """Stand where the group has committed; where it never did, at the latest or the earliest entry.

        Never outside the log, whatever was committed.
        """
        committed = await self._log.committed(self._group)
        extents = await self._log.extents(list(places))
        self._next = {
            place: min(max(committed.get(place, end if latest else earliest), earliest), end)
            for place, (earliest, end) in extents.items()
        }
        return dict(self._next)

    def move(self, place: TP, offset: int) -> None:
        """Stand at this offset."""
        self._next[place] = offset

    def of(self, place: TP) -> int | None:
        """The next offset to read."""
        return self._next.get(place)

    def of_all(self, places: Iterable[TP]) -> dict[TP, int]:
        """The next offsets of those partitions that have one."""
        return {place: self._next[place] for place in places if place in self._next}

    def advance(self, asked: Mapping[TP, int], found: Mapping[TopicPartition, list[Entry]]) -> dict[TP, list[Entry]]:
        """Step behind the entries that were found from ``asked`` on, and give back those that count.

        A position that was moved while the read waited makes what it found stale.
        """
        fresh = {TP(*place): entries for place, entries in found.items()}
        fresh = {place: entries for place, entries in fresh.items() if self._next.get(place) == asked[place]}
        for place, entries in fresh.items():
            self._next[place] = entries[-1].offset + 1
            self.ends[place] = max(self.ends.get(place, 0), self._next[place])
        return fresh
