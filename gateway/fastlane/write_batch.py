"""Responses of one event-loop iteration, sent together at its end.

A send may wake the process that waits for it, on another core, which costs more than the send itself. Responses that
are sent close together find it awake.
"""

import asyncio

_BATCH_RESPONSES = 16
"""Responses that wait for each other: the first of them for less than a millisecond."""


class WriteBatch:
    """The responses that one process has not sent yet. Call ``send`` before closing a connection."""

    def __init__(self) -> None:
        self._waiting: list[tuple[asyncio.Transport, bytes]] = []

    def put(self, transport: asyncio.Transport, response: bytes) -> None:
        """Send it at the end of this iteration, or sooner."""
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self.send)
        self._waiting.append((transport, response))
        if len(self._waiting) >= _BATCH_RESPONSES:
            self.send()

    def send(self) -> None:
        """Send what waits, in order; nothing to a connection that is closed."""
        waiting, self._waiting = self._waiting, []
        for transport, response in waiting:
            if not transport.is_closing():
                transport.write(response)
