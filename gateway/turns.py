"""Whether this process keeps up: what comes in at one turn of the event loop, against the time there is for it.

Checks that are answered from memory wait for nothing, so no bound on work in hand ever sees too many of them: they wait
unread, in the kernel. But then each turn of the loop finds more of them than it can answer in good time. Once most of
the time goes into such turns, and has for a while, a turn answers a few and refuses the others, which costs little:
whoever is served is served at once, and a short rush is served as a whole.
"""

import asyncio
from collections.abc import Callable
from time import monotonic, thread_time

_RUSH = 0.005
"""Seconds of work in one turn that are too many: some hundred checks, more than busy callers ever have under way."""
_SHARE = 0.0004
"""Seconds of work for those who are served at each turn while others are refused."""
_PATIENCE = 0.05
"""Seconds by which turns that were too short may outweigh the others until somebody is refused."""
_LONGEST_MEMORY = 0.1
"""Seconds by which they ever do: so soon after it is over, nobody is refused any more."""


class Turns:
    """The turns of one event loop. ``clock`` gives seconds; ``work`` those in which its thread had the processor.

    To be held up by other programs is not to be asked too much.
    """

    def __init__(self, clock: Callable[[], float] = monotonic, work: Callable[[], float] = thread_time) -> None:
        self._clock, self._work = clock, work
        self._under_way = False
        self._began = 0.0
        self._work_before = 0.0
        self._too_short = False
        self._outweigh = 0.0
        self._refusing = False

    def has_time(self) -> bool:
        """Whether there is time for one more; to be asked once for each request."""
        if not self._under_way:
            self._begin()
            return True
        worked = self._work() - self._work_before
        if worked <= (_SHARE if self._refusing else _RUSH):
            return True
        self._too_short = True
        return not self._refusing

    def _begin(self) -> None:
        now = self._clock()
        passed, self._began = now - self._began, now
        if self._too_short:
            self._outweigh = min(self._outweigh + passed, _LONGEST_MEMORY)
        else:
            self._outweigh = max(self._outweigh - passed, 0.0)
        self._refusing = self._outweigh > (0.0 if self._refusing else _PATIENCE)
        self._under_way, self._too_short, self._work_before = True, False, self._work()
        asyncio.get_running_loop().call_soon(self._end)  # when all that came at this turn was taken in

    def _end(self) -> None:
        self._under_way = False
