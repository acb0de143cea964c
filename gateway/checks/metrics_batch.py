"""Checks answered, counted in plain numbers and put into the metrics a few times a second.

Counting through the metrics library costs as much as a fifth of a check that is cleared at once. A process that is
killed takes the last quarter of a second of these counts along; decisions are counted in the ledger.
"""

import asyncio
from bisect import bisect_left

from gateway.metrics import CHECK_BUCKETS, check_seconds, count_outcome
from rules.vocabulary import Outcome

_PERIOD = 0.25


class MetricsBatch:
    """What one process answered since it last told."""

    def __init__(self) -> None:
        self._noted: dict[tuple[str, Outcome], tuple[list[int], list[float]]] = {}

    def note(self, scene: str, outcome: Outcome, seconds: float) -> None:
        """One check of a scene of the policy, answered so within so many seconds."""
        kept = self._noted.get((scene, outcome))
        if kept is None:
            kept = self._noted[scene, outcome] = ([0] * (len(CHECK_BUCKETS) + 1), [0.0])
        counts, total = kept
        counts[bisect_left(CHECK_BUCKETS, seconds)] += 1
        total[0] += seconds

    def tell(self) -> None:
        """Put it into the metrics."""
        told, self._noted = self._noted, {}
        for (scene, outcome), (counts, total) in told.items():
            count_outcome(scene, outcome, sum(counts))
            histogram = check_seconds(scene)
            # The library offers no way to observe many at once; a test holds that this is one.
            histogram._sum.inc(total[0])
            for bucket, count in zip(histogram._buckets, counts, strict=True):
                if count:
                    bucket.inc(count)

    async def keep_telling(self) -> None:
        """Tell for as long as the process runs, and at its end."""
        try:
            while True:
                await asyncio.sleep(_PERIOD)
                self.tell()
        finally:
            self.tell()
