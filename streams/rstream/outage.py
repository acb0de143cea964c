"""Keep trying while the server is away."""

from collections.abc import Awaitable, Callable
from math import inf
from time import monotonic
from typing import Protocol, TypeVar

import structlog

from store.broker.stream_faults import is_outage

T = TypeVar("T")

_FIRST_DELAY = 0.05
_LONGEST_DELAY = 1.0
_log = structlog.get_logger("streams.rstream")


class Stoppable(Protocol):
    """A Faust service: its ``sleep`` ends early when it is stopped."""

    @property
    def should_stop(self) -> bool:
        """Whether the service was stopped or has crashed."""

    async def sleep(self, n: float) -> None:
        """Wait so many seconds or until stopped."""


async def through_outages(service: Stoppable, action: Callable[[], Awaitable[T]], what: str, limit: float = inf) -> T:
    """The result of ``action``, tried again during an outage.

    Raises the outage when the service stops or ``limit`` seconds have passed, any other error at once.
    """
    deadline = monotonic() + limit
    delay = _FIRST_DELAY
    while True:
        try:
            return await action()
        except Exception as error:
            if not is_outage(error) or service.should_stop or monotonic() > deadline:
                raise
            _log.warning("log_away", what=what, error=repr(error), retry_in=delay)
        await service.sleep(delay)
        delay = min(delay * 2, _LONGEST_DELAY)
