"""Events of a Faust stream in small batches, acknowledged after the work and in order.

The recipe that lost nothing in outages, rolling restarts and kill -9: ``noack`` (an automatic
acknowledgement would also follow an error), one agent instance, no batch of an earlier generation.
Every use of Faust's internals outside ``streams/rstream`` is in this module.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from streams.delivered import Delivered

_LINGER = 0.010
_BATCH = 500


async def in_batches(app: Any, stream: Any, work: Callable[[list[Delivered]], Awaitable[None]]) -> None:  # noqa: ANN401
    """Run ``work`` on every event of the stream, up to 500 at a time; acknowledge when it returns.

    An error of ``work`` leaves this function with nothing acknowledged: the worker must then end.
    """
    events = stream.noack()
    waiting = events.channel.queue
    loop = asyncio.get_running_loop()
    batch: list[Any] = []
    deadline = 0.0
    async for event in events.events():
        if not batch:
            deadline = loop.time() + _LINGER
        batch.append(event)
        if len(batch) < _BATCH and loop.time() < deadline:
            if waiting.empty():
                await asyncio.sleep(0.001)
            if not waiting.empty():
                continue
        await work([_delivered(item.message) for item in batch])
        for item in batch:
            if _is_fresh(app, item):
                await events.ack(item)
        batch = []


def _delivered(message: Any) -> Delivered:  # noqa: ANN401
    headers = message.headers or ()
    pairs = headers.items() if isinstance(headers, dict) else headers
    return Delivered(
        message.topic,
        message.partition,
        message.offset,
        message.timestamp,
        message.key,
        message.value,
        list(pairs),
    )


def _is_fresh(app: Any, event: Any) -> bool:  # noqa: ANN401
    """Whether the event was fetched under the assignment that still holds; else it comes again elsewhere."""
    return bool(app.flow_control.is_active() and event.message.generation_id == app.consumer_generation_id)
