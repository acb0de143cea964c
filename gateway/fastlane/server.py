"""The fast lane of one process: it makes its connections, closes idle ones, and closes all at the end."""

import asyncio
from time import monotonic

from gateway.fastlane.connection import FastLaneConnection
from gateway.fastlane.shared import FastLaneShared
from gateway.metrics import REFUSED

_SWEEP = 1.0


class FastLaneServer(FastLaneShared):
    """The connections of one process that are in the fast lane."""

    def __call__(self) -> FastLaneConnection:
        """The protocol of a new connection."""
        return FastLaneConnection(self)

    async def sweep(self) -> None:
        """Close connections that idle, and hand over those whose body does not come, for as long as it runs."""
        while True:
            await asyncio.sleep(_SWEEP)
            REFUSED.labels("overloaded").inc(self.answers.take_refused())
            now = monotonic()
            for lane in list(self.open):
                lane.look_at_clock(now)

    async def close(self, seconds: float) -> None:
        """Close idle connections at once, and the rest when their request was answered or the time is over."""
        deadline = monotonic() + seconds
        while self.open and monotonic() < deadline:
            self.write_batch.send()
            for lane in list(self.open):
                lane.close_if_idle()
            await asyncio.sleep(0.01)
        for lane in list(self.open):
            lane.abort()
