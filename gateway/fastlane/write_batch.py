"""Answers of one turn of the event loop, sent together at its end.

Each send may wake whoever waits for it, on another core, which costs more than the rest of the sending. Answers that
leave close together find it awake.
"""

import asyncio

_AT_ONCE = 16
"""Answers that wait for each other: the first of them for less than a millisecond."""


class WriteBatch:
    """What one process has answered and not yet sent. Whoever closes a connection sends first."""

    def __init__(self) -> None:
        self._waiting: list[tuple[asyncio.Transport, bytes]] = []

    def put(self, transport: asyncio.Transport, answer: bytes) -> None:
        """Send that at the end of this turn, or sooner."""
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self.send)
        self._waiting.append((transport, answer))
        if len(self._waiting) >= _AT_ONCE:
            self.send()

    def send(self) -> None:
        """Send what waits, in its order; to a connection that is gone, nothing."""
        waiting, self._waiting = self._waiting, []
        for transport, answer in waiting:
            if not transport.is_closing():
                transport.write(answer)
