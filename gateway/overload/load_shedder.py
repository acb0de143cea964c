"""Whether this process keeps up: what comes in at one turn of the event loop, against the time there is for it.

Checks that are answered from memory wait for nothing, so no bound on work in hand ever sees too many of them: they wait
unread, in the kernel. But then each turn of the loop finds more of them than it can answer in good time. Once such
turns outweigh the rest by more than a short rush would, for a second each turn answers a few and refuses the others,
which costs little: whoever is served is served at once. After it all are let in again, to see whether it is over.
"""

import asyncio
from collections.abc import Callable
from time import monotonic, thread_time

_RUSH = 0.005
"""Seconds of work in one turn that are too many: some hundred checks, more than busy callers ever have under way."""
_PATIENCE = 0.05
"""Seconds by which turns that were too long may outweigh other time until somebody is refused."""
_SHARE = 0.0004
"""Seconds of work for those who are served at each turn while others are refused."""
_REFUSING = 1.0
"""Seconds for which that goes on; what a refusal says in ``Retry-After``."""


class LoadShedder:
    """The turns of one event loop. ``clock`` gives seconds; ``work`` those in which its thread had the processor.

    To be held up by other programs is not to be asked too much.
    """

    def __init__(self, clock: Callable[[], float] = monotonic, work: Callable[[], float] = thread_time) -> None:
        self._clock, self._work = clock, work
        self._under_way = self._too_long = False
        self._began = self._ended = clock()
        self._work_before = 0.0
        self._outweigh = 0.0
        self._refusing_until = 0.0
        self._refusing = False

    def has_time(self) -> bool:
        """Whether there is time for one more; to be asked once for each request."""
        if not self._under_way:
            self._begin()
            return True
        if self._work() - self._work_before <= (_SHARE if self._refusing else _RUSH):
            return True
        self._too_long = True
        return not self._refusing

    def _begin(self) -> None:
        now = self._clock()
        if self._refusing and now >= self._refusing_until:
            # Where it is not over, one more turn that is too long, and it goes on.
            self._refusing, self._outweigh, self._ended = False, _PATIENCE, self._refusing_until
        self._outweigh = max(0.0, self._outweigh - (now - self._ended))
        self._began, self._under_way, self._too_long = now, True, False
        self._work_before = self._work()
        asyncio.get_running_loop().call_soon(self._end)  # when all that came at this turn was taken in

    def _end(self) -> None:
        now = self._clock()
        took, self._ended, self._under_way = now - self._began, now, False
        if self._refusing:
            return
        self._outweigh = max(0.0, self._outweigh + (took if self._too_long else -took))
        if self._outweigh > _PATIENCE:
            self._refusing, self._refusing_until = True, now + _REFUSING
