"""Retry or ignore outages of the stream log's server."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from math import inf
from time import monotonic
from typing import Protocol, TypeVar

import structlog

from store.broker.stream_faults import is_outage

T = TypeVar("T")

_MIN_RETRY_DELAY_S = 0.05
_MAX_RETRY_DELAY_S = 1.0
_log = structlog.get_logger("streams.rstream")


class Stoppable(Protocol):
    """A Faust service: its ``sleep`` ends early when it is stopped."""

    @property
    def should_stop(self) -> bool:
        """Whether the service was stopped or has crashed."""

    async def sleep(self, n: float) -> None:
        """Wait ``n`` seconds or until stopped."""


async def retry_during_outage(
    service: Stoppable, action: Callable[[], Awaitable[T]], what: str, limit_s: float = inf
) -> T:
    """The result of ``action``, retried during an outage.

    Raises the outage when the service stops or ``limit_s`` have passed, any other error immediately.
    """
    deadline = monotonic() + limit_s
    delay = _MIN_RETRY_DELAY_S
    while True:
        try:
            return await action()
        except Exception as error:
            if not is_outage(error) or service.should_stop or monotonic() > deadline:
                raise
            _log.warning("stream_log_unavailable", what=what, error=repr(error), retry_in=delay)
        await service.sleep(delay)
        delay = min(delay * 2, _MAX_RETRY_DELAY_S)


@contextmanager
def ignore_outage() -> Iterator[None]:
    """Suppress an outage; any other error passes."""
    try:
        yield
    except Exception as error:
        if not is_outage(error):
            raise
