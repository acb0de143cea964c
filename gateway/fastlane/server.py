"""The fast lane of one process: what its connections share, and which of them stay."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic

from gateway.checks.handler import CheckHandler
from gateway.fastlane.connection import FastLaneConnection
from gateway.fastlane.request_head import HeadReader
from gateway.fastlane.responses import PreparedResponses
from gateway.fastlane.write_batch import WriteBatch
from gateway.metrics import REFUSED
from gateway.overload.load_shedder import LoadShedder
from gateway.process.drain import DrainState
from gateway.web.auth import Authenticator

_SWEEP = 1.0


@dataclass(slots=True)
class FastLaneServer:
    """The connections of one process that are in the lane. ``elsewhere`` makes aiohttp's protocol for one."""

    checks: CheckHandler
    access: Authenticator
    drain_state: DrainState
    elsewhere: Callable[[], asyncio.Protocol]
    body_limit: int
    keep_alive: float
    body_deadline: float
    heads: HeadReader = field(default_factory=HeadReader)
    open: "set[FastLaneConnection]" = field(default_factory=set)
    turns: LoadShedder = field(default_factory=LoadShedder)
    write_batch: WriteBatch = field(default_factory=WriteBatch)
    answers: PreparedResponses = field(default_factory=PreparedResponses)

    def __call__(self) -> "FastLaneConnection":
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
