"""A broken dependency is not a bad record: wait for it, without end, and commit nothing meanwhile."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog
from aiokafka.errors import KafkaError
from redis.exceptions import RedisError
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from streams.metrics import DEPENDENCY_RETRIES

T = TypeVar("T")

BROKEN_DEPENDENCY = (RedisError, KafkaError, DBAPIError, PoolTimeout, OSError, TimeoutError)
_FIRST_DELAY = 0.05
_LONGEST_DELAY = 5.0
_log = structlog.get_logger("streams.retry")


async def until_done(action: Callable[[], Awaitable[T]], what: str) -> T:
    """The result of ``action``, tried again while a dependency is broken; any other error is a bug and raises.

    Cancelling ends it: the event in hand stays unacknowledged and is delivered again.
    """
    delay = _FIRST_DELAY
    while True:
        try:
            return await action()
        except BROKEN_DEPENDENCY as error:
            DEPENDENCY_RETRIES.labels(what).inc()
            _log.warning("dependency_broken", what=what, error=type(error).__name__, retry_in=round(delay, 2))
            await asyncio.sleep(delay * random.uniform(0.5, 1.5))
            delay = min(delay * 2, _LONGEST_DELAY)
