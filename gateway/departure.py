"""How a gateway process leaves: it says so, still serves while balancers take notice, then closes and finishes.

SIGTERM ─▶ /readyz says draining ─▶ drain_seconds ─▶ nobody new ─▶ the last requests ─▶ what is in hand ─▶ end
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from aiohttp import web

from gateway.door import Door

SERVER = "CreditGate"
_QUEUE = 0.05
"""Seconds in which connections that are being opened come to be, and those that wait are accepted."""
_LAST_REQUESTS = 0.5
"""Seconds that a connection, let in last, may take to send its request."""
_LOOK = 0.02


@dataclass(slots=True)
class Departure:
    """Whether this process is about to leave. While it drains, each answer asks its connection to go elsewhere."""

    draining: bool = False

    async def send_elsewhere(self, _request: web.Request, response: web.StreamResponse) -> None:
        """A hook for answers: who serves, without its versions; and ``Connection: close`` while draining."""
        response.headers["Server"] = SERVER
        if self.draining:
            response.headers["Connection"] = "close"
            response.force_close()


DEPARTURE = web.AppKey("departure", Departure)


async def leave(
    departure: Departure,
    door: Door,
    servers: Sequence[asyncio.AbstractServer],
    open_now: Callable[[], int],
    drain_seconds: float,
) -> None:
    """Drain and close the door. What is in hand after that, the caller finishes."""
    departure.draining = True
    await asyncio.sleep(drain_seconds)
    if not door.is_taken_over():  # else connections in its queue are the successor's
        door.let_nobody_new_in()
        await asyncio.sleep(_QUEUE)
    for server in servers:
        server.close()
    loop = asyncio.get_running_loop()
    deadline = loop.time() + _LAST_REQUESTS
    while open_now() and loop.time() < deadline:  # noqa: ASYNC110 - a connection tells nobody that it ended
        await asyncio.sleep(_LOOK)
