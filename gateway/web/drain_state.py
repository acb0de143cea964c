"""Whether this process is draining, and how many requests it still has to finish."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from aiohttp import web

SERVER = "CreditGate"
"""The ``Server`` header, without a version."""
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(slots=True)
class DrainState:
    """The drain of one process. While it drains, each response closes its connection."""

    draining: bool = False
    end_streams: bool = False
    """Whether streamed responses must end now; their last line says where to resume."""
    in_flight: int = 0
    """Requests whose head was read and whose response is not finished."""
    stream_closers: list[Callable[[], Awaitable[None]]] = field(default_factory=list)
    """Called once no connection is accepted any more: each ends responses that only wait for events."""

    async def add_headers(self, _request: web.Request, response: web.StreamResponse) -> None:
        """An ``on_response_prepare`` hook: ``Server``, and ``Connection: close`` while draining."""
        response.headers["Server"] = SERVER
        if self.draining:
            response.headers["Connection"] = "close"
            response.force_close()


DRAIN_STATE = web.AppKey("drain_state", DrainState)


@web.middleware
async def count_in_flight(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Count the requests that must finish before the process ends."""
    drain_state = request.app[DRAIN_STATE]
    drain_state.in_flight += 1
    try:
        return await handler(request)
    finally:
        drain_state.in_flight -= 1
