"""Process the events of a Faust stream in small batches, and acknowledge them afterwards, in order.

The recipe that lost nothing in outages, rolling restarts and kill -9: ``noack`` (an automatic acknowledgement
would follow an error too), one agent instance, no acknowledgement of a batch from an earlier assignment. Every
use of Faust's private interface outside ``streams/rstream`` is in this module.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from streams.consumed_record import ConsumedRecord

_LINGER_S = 0.010
_YIELD_S = 0.001
_BATCH_RECORDS = 500


async def process_in_batches(
    app: Any,  # noqa: ANN401 - Faust is untyped
    stream: Any,  # noqa: ANN401
    process: Callable[[list[ConsumedRecord]], Awaitable[None]],
) -> None:
    """Run ``process`` on every event of the stream, up to 500 at a time; acknowledge when it returns.

    An error of ``process`` leaves this function with nothing acknowledged: the worker must then end.
    """
    events = stream.noack()
    queue = events.channel.queue
    loop = asyncio.get_running_loop()
    batch: list[Any] = []
    deadline = 0.0
    async for event in events.events():
        if not batch:
            deadline = loop.time() + _LINGER_S
        batch.append(event)
        if len(batch) < _BATCH_RECORDS and loop.time() < deadline:
            if queue.empty():
                await asyncio.sleep(_YIELD_S)
            if not queue.empty():
                continue
        await process([_record_of(item.message) for item in batch])
        for item in batch:
            if _is_assigned(app, item):
                await events.ack(item)
        batch = []


def _record_of(message: Any) -> ConsumedRecord:  # noqa: ANN401
    headers = message.headers or ()
    pairs = headers.items() if isinstance(headers, dict) else headers
    return ConsumedRecord(
        message.topic,
        message.partition,
        message.offset,
        message.timestamp,
        message.key,
        message.value,
        list(pairs),
    )


def _is_assigned(app: Any, event: Any) -> bool:  # noqa: ANN401
    """Whether the event was fetched under the assignment that still holds; else it is delivered again elsewhere."""
    return bool(app.flow_control.is_active() and event.message.generation_id == app.consumer_generation_id)
