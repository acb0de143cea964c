"""Trim the stream log: how much of what was committed stays in memory."""

from dataclasses import dataclass
from time import time

from store.broker.stream_entry import TopicPartition
from store.broker.stream_log import StreamLog


@dataclass(frozen=True, slots=True)
class Retention:
    """What is kept of each partition; the stricter limit applies."""

    entries: int = 10_000
    seconds: float = 7 * 86400.0


async def trim(log: StreamLog, topic: str, group: str | None, retention: Retention) -> int:
    """Delete the topic's entries beyond the retention; returns how many.

    With a group, entries that it has not committed are kept. Without one (a topic without a consumer, such as
    dead letters) the retention alone applies.
    """
    partitions = [TopicPartition(topic, number) for number in range(await log.partition_count(topic))]
    committed = {} if group is None else await log.committed(group)
    deleted = 0
    # Read after the commits, so that no commit is ahead of the end.
    for partition, (earliest, end) in (await log.offset_ranges(partitions)).items():
        limit = end if group is None else min(committed.get(partition, earliest), end)
        first_fresh = await _first_since(log, partition, earliest, limit, time() - retention.seconds)
        keep_from = min(limit, max(first_fresh, end - retention.entries))
        if keep_from > earliest:
            deleted += await log.delete_before(partition, keep_from)
    return deleted


async def _first_since(log: StreamLog, partition: TopicPartition, low: int, high: int, moment: float) -> int:
    """The first offset in [low, high) no older than ``moment``, else ``high``: a binary search.

    Where timestamps do not grow, neighbours of the stray one are deleted too early or too late, but only if committed.
    """
    while low < high:
        middle = (low + high) // 2
        entry = await log.first_from(partition, middle)
        if entry is not None and entry.timestamp < moment:
            low = middle + 1
        else:
            high = middle
    return high
