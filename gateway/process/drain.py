"""How a gateway process drains: it keeps serving while load balancers notice, then closes its sockets and finishes.

SIGTERM ─▶ /readyz: draining ─▶ drain_seconds ─▶ stop accepting ─▶ last requests ─▶ finish requests ─▶ exit
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from gateway.process.listener import Listener
from gateway.web.drain_state import DrainState

_PARENT_MESSAGE_S = 0.2
"""For the parent to say that no successor comes."""
_BACKLOG_S = 0.2
"""For handshakes under way to complete, and for queued connections to be accepted."""
_LAST_REQUEST_S = 0.5
"""For a connection that was accepted last to send its request."""
_FINISH_S = 5.0
"""For requests to finish; then as long again for streams, once they must end."""
_POLL_INTERVAL_S = 0.02


async def drain(
    drain_state: DrainState,
    listener: Listener,
    servers: Sequence[asyncio.AbstractServer],
    open_connections: Callable[[], int],
    close_fast_lane: Callable[[float], Awaitable[None]],
    drain_seconds: float,
) -> None:
    """Drain, close the sockets, and finish the requests; ``close_fast_lane`` does that for connections of its own.

    Idle connections are left for the caller to close.
    """
    drain_state.draining = True
    await asyncio.sleep(drain_seconds if listener.pipe is None else max(drain_seconds, _PARENT_MESSAGE_S))
    if listener.has_no_successor():  # else connections in the backlog are the successor's
        listener.stop_accepting()
        await asyncio.sleep(_BACKLOG_S)
    for server in servers:
        server.close()
    for close_stream in drain_state.stream_closers:
        await close_stream()
    await _wait_until(lambda: not open_connections(), _LAST_REQUEST_S)
    await asyncio.gather(_finish_requests(drain_state), close_fast_lane(2 * _FINISH_S))


async def _finish_requests(drain_state: DrainState) -> None:
    """Wait for requests in flight. aiohttp's own shutdown would stop reading, and so abort bodies still on the way."""
    await _wait_until(lambda: not drain_state.in_flight, _FINISH_S)
    drain_state.end_streams = True
    await _wait_until(lambda: not drain_state.in_flight, _FINISH_S)


async def _wait_until(condition: Callable[[], bool], seconds: float) -> None:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while not condition() and loop.time() < deadline:  # noqa: ASYNC110 - a closed connection signals nothing
        await asyncio.sleep(_POLL_INTERVAL_S)
