"""How long the stream log keeps what was committed: memory is not for ever."""

from dataclasses import dataclass
from time import time

from store.broker.stream_entry import TopicPartition
from store.broker.stream_log import StreamLog


@dataclass(frozen=True, slots=True)
class Retention:
    """What is kept of each partition; whichever limit is reached first counts."""

    entries: int = 10_000
    seconds: float = 7 * 86400.0


async def trim(log: StreamLog, topic: str, group: str | None, retention: Retention) -> int:
    """Drop the topic's entries beyond the retention, and say how many.

    With a group, nothing it has not committed is dropped. Without one (a topic that nobody works off,
    such as dead letters) the retention alone counts.
    """
    places = [TopicPartition(topic, number) for number in range(await log.partition_count(topic))]
    committed = {} if group is None else await log.committed(group)
    dropped = 0
    # Read after the commits, so a commit can never be ahead of its end here.
    for place, (earliest, end) in (await log.extents(places)).items():
        limit = end if group is None else min(committed.get(place, earliest), end)
        fresh = await _first_since(log, place, earliest, limit, time() - retention.seconds)
        keep_from = min(limit, max(fresh, end - retention.entries))
        if keep_from > earliest:
            dropped += await log.drop_before(place, keep_from)
    return dropped


async def _first_since(log: StreamLog, place: TopicPartition, low: int, high: int, moment: float) -> int:
    """The first offset in [low, high) no older than ``moment``, else ``high``; timestamps should grow.

    Where they do not, neighbours of a stray timestamp go too early or too late, but never uncommitted.
    """
    while low < high:
        middle = (low + high) // 2
        entry = await log.first_from(place, middle)
        if entry is not None and entry.timestamp < moment:
            low = middle + 1
        else:
            high = middle
    return high
