"""The one rule by which both servers admit checks: load shedding, rate, concurrency."""

import asyncio
from dataclasses import dataclass, field

from gateway.metrics import REFUSED
from gateway.overload.concurrency_limit import ConcurrencyLimit
from gateway.overload.load_shedder import LoadShedder
from gateway.overload.rate_limit import RateLimiter
from gateway.web.drain_state import DrainState
from gateway.web.problems import ProblemError
from store.platforms.clients import Client

_OVERLOADED = REFUSED.labels("overloaded")


@dataclass(frozen=True, slots=True)
class AdmissionControl:
    """Admits the checks of one process. ``concurrency_limit`` counts those that wait for the register or the ledger.

    ``drain_state``: a draining process sheds no load, since each connection sends its last request.
    """

    rate_limiter: RateLimiter
    concurrency_limit: ConcurrencyLimit
    drain_state: DrainState = field(default_factory=DrainState)
    load_shedder: LoadShedder = field(default_factory=LoadShedder)

    def has_capacity(self) -> bool:
        """Whether the event loop keeps up. Ask once per request, before any work on it."""
        if self.load_shedder.has_capacity() or self.drain_state.draining:
            return True
        _OVERLOADED.inc()
        return False

    def require_capacity(self) -> None:
        """As ``has_capacity``. Raises ``ProblemError`` 503."""
        if not self.has_capacity():
            raise ProblemError("overloaded")

    def take_tokens(self, client: Client, count: int = 1) -> None:
        """Take a token per check from the client's bucket. Raises ``ProblemError`` 429 with when to retry."""
        self.rate_limiter.take(client, count)

    async def wait_for_turn(self, client: Client, count: int) -> None:
        """For a stream, whose response has begun: wait for the client's tokens and a free place instead of refusing."""
        while pause := self.rate_limiter.pause_before(client, count):  # noqa: ASYNC110 - it says how long
            await asyncio.sleep(pause)
        await self.concurrency_limit.has_room()
