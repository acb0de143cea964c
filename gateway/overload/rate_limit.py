"""How many checks one client may send: a token bucket per client in each gateway process. One check costs one token.

A bucket holds ``burst`` tokens and is refilled at ``rate`` a second. A request that costs more than a bucket can hold
needs a full bucket and pays the whole price, so that the level goes below zero: it is not refused for ever, and the
client's rate in the long run stays the same.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from math import ceil
from time import monotonic

from gateway.metrics import REFUSED
from gateway.web.problems import ProblemError
from store.platforms.clients import Client

_ROUNDING_TOKENS = 1e-9
"""Tokens that may be missing by rounding alone."""


@dataclass(slots=True)
class Bucket:
    """The tokens of one client. ``level`` is below zero while a large batch is paid off."""

    rate: float
    burst: float
    filled_at: float
    level: float = field(default=0.0, init=False)

    def __post_init__(self) -> None:
        self.level = self.burst

    def take(self, cost: float, now: float) -> float:
        """Take ``cost`` tokens and return 0; or take none and return the seconds until they are there."""
        if now > self.filled_at:  # a clock that stands still or goes back adds nothing
            self.level = min(self.burst, self.level + (now - self.filled_at) * self.rate)
            self.filled_at = now
        missing = min(cost, self.burst) - self.level
        if missing > _ROUNDING_TOKENS:
            return missing / self.rate
        self.level -= cost
        return 0.0


@dataclass(slots=True)
class RateLimiter:
    """The buckets of this process. A client with a rate of its own keeps the proportion of burst to rate."""

    rate: float
    burst: float
    clock: Callable[[], float] = monotonic
    _buckets: dict[str, Bucket] = field(default_factory=dict, init=False)

    def take(self, client: Client, cost: int = 1) -> None:
        """Take the client's tokens. Raises ``ProblemError`` 429 with when to retry."""
        bucket = self._bucket(client)
        seconds = bucket.take(cost, self.clock())
        if seconds:
            REFUSED.labels("rate_limited").inc()
            raise _problem(bucket, seconds)

    def pause_before(self, client: Client, cost: int) -> float:
        """Take the tokens of a stream that is being answered and return 0; else the seconds to pause."""
        return self._bucket(client).take(cost, self.clock())

    def _bucket(self, client: Client) -> Bucket:
        rate = client.grants.rate or self.rate
        bucket = self._buckets.get(client.id)
        if bucket is None or bucket.rate != rate:
            # Clients are registered, so there are no more buckets than clients.
            burst = max(1.0, self.burst * rate / self.rate)
            bucket = self._buckets[client.id] = Bucket(rate, burst, self.clock())
        return bucket


def _problem(bucket: Bucket, seconds: float) -> ProblemError:
    problem = ProblemError(
        "rate_limited",
        f"{bucket.rate:g} a second, {bucket.burst:g} at once",
        f"每秒 {bucket.rate:g} 次，瞬时至多 {bucket.burst:g} 次",
    )
    problem.headers = {
        "Retry-After": str(max(1, ceil(seconds))),
        "RateLimit-Limit": str(int(bucket.burst)),
        "RateLimit-Remaining": str(max(0, int(bucket.level))),
        "RateLimit-Reset": str(ceil((bucket.burst - bucket.level) / bucket.rate)),
    }
    return problem
