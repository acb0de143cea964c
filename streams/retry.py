"""A dependency that is unavailable is not a bad record: retry without end, and acknowledge nothing meanwhile."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar, TypeVarTuple

import structlog
from aiokafka.errors import KafkaError
from redis.exceptions import RedisError
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from streams.metrics import DEPENDENCY_RETRIES

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

OUTAGES = (RedisError, KafkaError, DBAPIError, PoolTimeout, OSError, TimeoutError)
_MIN_RETRY_DELAY_S = 0.05
_MAX_RETRY_DELAY_S = 5.0
_log = structlog.get_logger("streams.retry")


async def retry_outages(dependency: str, action: Callable[[*Ts], Awaitable[T]], *arguments: *Ts) -> T:
    """The result of ``action``, retried while ``dependency`` is unavailable; any other error is a bug and passes.

    Cancelling ends it: the event being processed stays unacknowledged and is delivered again.
    """
    delay = _MIN_RETRY_DELAY_S
    while True:
        try:
            return await action(*arguments)
        except OUTAGES as error:
            DEPENDENCY_RETRIES.labels(dependency).inc()
            _log.warning(
                "dependency_unavailable", dependency=dependency, error=type(error).__name__, retry_in=round(delay, 2)
            )
            await asyncio.sleep(delay * random.uniform(0.5, 1.5))
            delay = min(delay * 2, _MAX_RETRY_DELAY_S)
