"""The time for one call: for all its attempts, and for every step of each attempt."""

import math
import random
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

FIRST_PAUSE_S = 0.05
_MAX_PAUSE_S = 1.0
_MIN_WAIT_S = 0.001


class TimeBudget:
    """How much time is left, and whether to retry.

    A timeout of httpx applies to each wait by itself. Here one deadline applies to all: every step of the exchange
    (connect, send, receive) gets only the time that is left when it starts.
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
        """Request extensions of httpx for a synchronous request."""
        self._set_waits()
        return {"timeout": self._waits, "trace": self._before_step}

    def async_extensions(self) -> dict[str, Any]:
        """Request extensions of httpx for an asynchronous request."""
        self._set_waits()
        return {"timeout": self._waits, "trace": self._before_async_step}

    def pause_after(self, response: httpx.Response) -> float | None:
        """Seconds to wait before a retry; None if this response is final.

        Only a 5xx is retried, and only if ``Retry-After`` leaves time for it; otherwise the caller is told at once.
        """
        if response.status_code < 500 or self._attempt >= self._retries:
            return None
        pause = max(jittered(FIRST_PAUSE_S, self._attempt, _MAX_PAUSE_S), retry_after(response))
        self._attempt += 1
        return pause if pause < self.remaining() else None

    def _set_waits(self) -> None:
        left = max(self.remaining(), _MIN_WAIT_S)
        self._waits.update(connect=left, write=left, read=left, pool=left)

    def _before_step(self, event: str, info: object) -> None:
        self._set_waits()

    async def _before_async_step(self, event: str, info: object) -> None:
        self._set_waits()


def jittered(first: float, attempt: int, longest: float) -> float:
    """Seconds of a pause that doubles with each attempt, with jitter so that callers do not retry in step."""
    return min(math.ldexp(first, attempt), longest) * random.uniform(0.5, 1)


def retry_after(response: httpx.Response) -> float:
    """Seconds to wait by the ``Retry-After`` of a response, which has seconds or a date; 0 without one."""
    value = response.headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit():
        return float(value)
    try:
        return max((parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds(), 0.0)
    except (TypeError, ValueError):  # not a date, or a date without a time zone
        return 0.0
