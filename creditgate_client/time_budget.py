"""The time a caller gives to one call: over all its attempts, and over the steps of each."""

import math
import random
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

FIRST_PAUSE_S = 0.05
_LONGEST_PAUSE = 1.0
_SHORTEST_WAIT = 0.001


class TimeBudget:
    """How long may still be waited, and whether to ask again.

    A timeout of httpx is for each single wait. Here the clock runs on: every step of the exchange (connecting, sending,
    waiting for the answer) is given no more than what is left then.
    """

    def __init__(self, seconds: float, retries: int) -> None:
        self._ends = time.monotonic() + seconds
        self._retries = retries
        self._attempt = 0
        self._waits: dict[str, float] = {}

    def remaining(self) -> float:
        """Seconds left."""
        return self._ends - time.monotonic()

    def extensions(self) -> dict[str, Any]:
        """For a request that waits."""
        self._give_what_is_left()
        return {"timeout": self._waits, "trace": self._before_step}

    def async_extensions(self) -> dict[str, Any]:
        """For a request that is awaited."""
        self._give_what_is_left()
        return {"timeout": self._waits, "trace": self._before_async_step}

    def pause_after(self, response: httpx.Response) -> float | None:
        """How long to wait before asking again; None when this answer stands.

        Only a 5xx is asked again, and only if ``Retry-After`` leaves time for it: else the caller knows at once.
        """
        if response.status_code < 500 or self._attempt >= self._retries:
            return None
        pause = max(jittered(FIRST_PAUSE_S, self._attempt, _LONGEST_PAUSE), retry_after(response))
        self._attempt += 1
        return pause if pause < self.remaining() else None

    def _give_what_is_left(self) -> None:
        left = max(self.remaining(), _SHORTEST_WAIT)
        self._waits.update(connect=left, write=left, read=left, pool=left)

    def _before_step(self, event: str, info: object) -> None:
        self._give_what_is_left()

    async def _before_async_step(self, event: str, info: object) -> None:
        self._give_what_is_left()


def jittered(first: float, attempt: int, longest: float) -> float:
    """A pause that doubles with each attempt, and differs from caller to caller lest all come back at once."""
    return min(math.ldexp(first, attempt), longest) * random.uniform(0.5, 1)


def retry_after(response: httpx.Response) -> float:
    """Seconds to wait by the ``Retry-After`` of an answer, given in seconds or as a date; 0 without one."""
    value = response.headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit():
        return float(value)
    try:
        return max((parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds(), 0.0)
    except (TypeError, ValueError):  # no date, or one without a time zone
        return 0.0
