"""Whether this process keeps up: what comes in at one turn of the event loop, against the time there is for it.

Checks that are answered from memory wait for nothing, so no bound on work in hand ever sees too many of them: they wait
unread, in the kernel. But then each turn of the loop finds more of them than it can answer in good time. Once that has
gone on for a while, a turn answers as many as it has time for and refuses the others, which costs little: whoever is
served is served soon, and a short rush is served as a whole.
"""

import asyncio
from collections.abc import Callable
from time import perf_counter

_BUDGET = 0.005
"""Seconds of a turn for those who are served: some eighty checks, more than a few busy callers ever have under way."""
_PATIENCE = 0.1
"""Seconds of turns that all were too short until somebody is refused."""


class Turns:
    """The turns of one event loop. ``clock`` gives seconds."""

    def __init__(self, clock: Callable[[], float] = perf_counter) -> None:
        self._clock = clock
        self._began: float | None = None
        self._too_short = False
        self._behind_since: float | None = None

    def has_time(self) -> bool:
        """Whether there is time for one more; to be asked once for each request."""
        now = self._clock()
        if self._began is None:
            self._began, self._too_short = now, False
            asyncio.get_running_loop().call_soon(self._end)  # when all that came at this turn was taken in
            return True
        if now - self._began <= _BUDGET:
            return True
        self._too_short = True
        if self._behind_since is None:
            self._behind_since = now
        return now - self._behind_since <= _PATIENCE

    def _end(self) -> None:
        self._began = None
        if not self._too_short:
            self._behind_since = None
