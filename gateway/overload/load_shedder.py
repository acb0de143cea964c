"""Whether this process keeps up: the work of one event-loop iteration is compared with a bound.

Checks that are answered from memory never wait, so no limit on requests in progress sees too many of them: they queue
unread in the kernel. But under overload each iteration of the event loop finds more of them than it can answer soon.
When iterations with more than 5 ms of work exceed the idle budget (50 ms more than all other time), shed load for 1 s:
each iteration answers a few requests and refuses the rest, which is cheap, so that an admitted request is answered
promptly. After that second all are admitted again, to see whether the overload is over.
"""

import asyncio
from collections.abc import Callable
from time import monotonic, thread_time

_LONG_ITERATION_S = 0.005
"""Work in one iteration that is too much: some hundred checks, more than busy callers have in flight."""
_OVERLOAD_BUDGET_S = 0.05
"""Time by which long iterations may exceed other time before load is shed."""
_ADMITTED_WORK_S = 0.0004
"""Work per iteration that is admitted while load is shed."""
_SHED_INTERVAL_S = 1.0
"""How long load is shed; the ``Retry-After`` of a refusal."""


class LoadShedder:
    """Watches the iterations of one event loop.

    ``clock`` gives monotonic time and ``work`` CPU time of the thread, in seconds: CPU time, because a thread that is
    held up by other programs is not overloaded.
    """

    def __init__(self, clock: Callable[[], float] = monotonic, work: Callable[[], float] = thread_time) -> None:
        self.clock, self.work = clock, work
        self._in_iteration = self._too_long = False
        self._began = self._ended = clock()
        self._work_before = 0.0
        self._excess = 0.0
        self._shed_until = 0.0
        self._shedding = False

    def has_capacity(self) -> bool:
        """Whether one more request is admitted; ask once per request."""
        if not self._in_iteration:
            self._begin()
            return True
        if self.work() - self._work_before <= (_ADMITTED_WORK_S if self._shedding else _LONG_ITERATION_S):
            return True
        self._too_long = True
        return not self._shedding

    def _begin(self) -> None:
        now = self.clock()
        if self._shedding and now >= self._shed_until:
            # If the overload is not over, one more long iteration starts the next interval.
            self._shedding, self._excess, self._ended = False, _OVERLOAD_BUDGET_S, self._shed_until
        self._excess = max(0.0, self._excess - (now - self._ended))
        self._began, self._in_iteration, self._too_long = now, True, False
        self._work_before = self.work()
        asyncio.get_running_loop().call_soon(self._end)  # after every request that this iteration found

    def _end(self) -> None:
        now = self.clock()
        took, self._ended, self._in_iteration = now - self._began, now, False
        if self._shedding:
            return
        self._excess = max(0.0, self._excess + (took if self._too_long else -took))
        if self._excess > _OVERLOAD_BUDGET_S:
            self._shedding, self._shed_until = True, now + _SHED_INTERVAL_S
