"""Checks cleared at once, counted in plain numbers and put into the metrics a few times a second.

Counting through the metrics library costs as much as a fifth of such a check. A process that is killed takes the
last quarter of a second of these counts along; decisions are counted in the ledger.
"""

import asyncio
from bisect import bisect_left

from gateway.metrics import CHECK_BUCKETS, check_seconds, count_outcome
from rules.vocabulary import Outcome

_PERIOD = 0.25


class Tally:
    """What one process cleared since it last told."""

    def __init__(self) -> None:
        self._by_scene: dict[str, tuple[list[int], list[float]]] = {}

    def note(self, scene: str, seconds: float) -> None:
        """One check of a scene of the policy, cleared in so many seconds."""
        kept = self._by_scene.get(scene)
        if kept is None:
            kept = self._by_scene[scene] = ([0] * (len(CHECK_BUCKETS) + 1), [0.0])
        counts, total = kept
        counts[bisect_left(CHECK_BUCKETS, seconds)] += 1
        total[0] += seconds

    def tell(self) -> None:
        """Put it into the metrics."""
        told, self._by_scene = self._by_scene, {}
        for scene, (counts, total) in told.items():
            count_outcome(scene, Outcome.ALLOW, sum(counts))
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
