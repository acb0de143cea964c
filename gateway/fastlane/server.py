"""The fast lane of one process: it makes connections, closes idle ones, and closes all at the end."""

import asyncio
from time import monotonic

from gateway.fastlane.connection import FastLaneConnection
from gateway.fastlane.context import FastLaneContext

_SWEEP_INTERVAL_S = 1.0
_CLOSE_INTERVAL_S = 0.01


class FastLaneServer:
    """The fast-lane connections of one process; call it for the protocol of a new one."""

    def __init__(self, context: FastLaneContext) -> None:
        self.context = context

    def __call__(self) -> FastLaneConnection:
        """The protocol of a new connection."""
        return FastLaneConnection(self.context)

    @property
    def open_connections(self) -> int:
        """How many connections are open in the lane."""
        return len(self.context.connections)

    async def sweep(self) -> None:
        """Close idle connections, and hand over those whose body does not arrive, for as long as it runs."""
        while True:
            await asyncio.sleep(_SWEEP_INTERVAL_S)
            now = monotonic()
            for connection in list(self.context.connections):
                connection.enforce_deadlines(now)

    async def close(self, seconds: float) -> None:
        """Close idle connections at once, the rest when their request is answered or after ``seconds``."""
        connections, deadline = self.context.connections, monotonic() + seconds
        while connections and monotonic() < deadline:
            self.context.write_batch.send()
            for connection in list(connections):
                connection.close_if_idle()
            await asyncio.sleep(_CLOSE_INTERVAL_S)
        for connection in list(connections):
            connection.abort()
