"""How a gateway process leaves: it says so, still serves while balancers take notice, then closes and finishes.

SIGTERM ─▶ /readyz says draining ─▶ drain_seconds ─▶ nobody new ─▶ the last requests ─▶ what is in hand ─▶ end
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from gateway.process.listener import Listener
from gateway.web.drain_state import DrainState

_WORD = 0.2
"""Seconds that the parent may take to say whether the door is to be shut."""
_QUEUE = 0.2
"""Seconds in which connections that are being opened come to be, and those that wait are accepted."""
_LAST_REQUESTS = 0.5
"""Seconds that a connection, let in last, may take to send its request."""
_TO_FINISH = 5.0
"""Seconds for what is in hand, and then as many again once what has no end was told to end."""
_LOOK = 0.02


async def leave(
    drain_state: DrainState,
    door: Listener,
    servers: Sequence[asyncio.AbstractServer],
    open_now: Callable[[], int],
    close_lanes: Callable[[float], Awaitable[None]],
    drain_seconds: float,
) -> None:
    """Drain, close the door, and finish what is in hand; ``close_lanes`` does so for connections of its own.

    Idle connections are the caller's to close.
    """
    drain_state.draining = True
    await asyncio.sleep(drain_seconds if door.line is None else max(drain_seconds, _WORD))
    if door.is_to_be_shut():  # else connections in its queue are the successor's
        door.let_nobody_new_in()
        await asyncio.sleep(_QUEUE)
    for server in servers:
        server.close()
    for end in drain_state.stream_closers:
        await end()
    await _until(lambda: not open_now(), _LAST_REQUESTS)
    await asyncio.gather(_finish(drain_state), close_lanes(2 * _TO_FINISH))


async def _finish(drain_state: DrainState) -> None:
    """Not left to the server's own shutdown: that stops to read, and so cuts off whoever is still sending a body."""
    await _until(lambda: not drain_state.in_flight, _TO_FINISH)
    drain_state.end_streams = True
    await _until(lambda: not drain_state.in_flight, _TO_FINISH)


async def _until(done: Callable[[], bool], seconds: float) -> None:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while not done() and loop.time() < deadline:  # noqa: ASYNC110 - a connection tells nobody that it ended
        await asyncio.sleep(_LOOK)
