"""Whether this process is draining, and how many requests it still has to finish."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from aiohttp import web

SERVER = "CreditGate"
"""The ``Server`` header: who serves, without versions."""
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(slots=True)
class DrainState:
    """Whether this process is about to leave. While it drains, each answer asks its connection to go elsewhere."""

    draining: bool = False
    last_call: bool = False
    """Whether an answer without an end shall come to one."""
    in_hand: int = 0
    """Requests of which the head was read and the answer is not made."""
    idlers: list[Callable[[], Awaitable[None]]] = field(default_factory=list)
    """What ends answers that only wait for news, once the door is closed."""

    async def send_elsewhere(self, _request: web.Request, response: web.StreamResponse) -> None:
        """A hook for answers: who serves, without its versions; and ``Connection: close`` while draining."""
        response.headers["Server"] = SERVER
        if self.draining:
            response.headers["Connection"] = "close"
            response.force_close()


DRAIN_STATE = web.AppKey("departure", DrainState)


@web.middleware
async def count_in_hand(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Count what is to be finished before the process ends."""
    drain_state = request.app[DRAIN_STATE]
    drain_state.in_hand += 1
    try:
        return await handler(request)
    finally:
        drain_state.in_hand -= 1
