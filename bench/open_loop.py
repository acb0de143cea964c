"""Open-loop load: requests leave by a fixed schedule, and each one's time runs from when it was due.

A server that falls behind is asked on regardless, and the wait shows: no coordinated omission. Run as a process of its
own: ``python -m bench.open_loop URL FILE RATE SECONDS [HEADER ...]`` prints one line of JSON.
"""

import asyncio
import json
import sys
import time
from collections import Counter, deque
from contextlib import suppress
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

import uvloop

CONNECTIONS = 256
_LATEST = 5.0
"""Seconds after the last request until what is unanswered counts as lost."""
_TICK = 0.0005
_STRAYED = 0.005
"""Seconds after which a request counts as sent late by the generator itself."""


class Connection(asyncio.Protocol):
    """One request at a time; answers must say how long they are."""

    def __init__(self, run: "Run") -> None:
        self._run = run
        self._due = 0.0
        self._buffer = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Free to send."""
        self._transport = cast(asyncio.Transport, transport)
        self._run.free.append(self)

    def send(self, request: bytes, due: float) -> None:
        """Send a request that was due then."""
        assert self._transport is not None
        self._due = due
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Note the answer once it is whole."""
        self._buffer += data
        head = self._buffer.find(b"\r\n\r\n")
        if head < 0:
            return
        length = self._buffer.lower().find(b"content-length:", 0, head)
        size = int(self._buffer[length + 15 : self._buffer.index(b"\r\n", length)])
        if len(self._buffer) < head + 4 + size:
            return
        self._run.answered(self._buffer[9:12].decode(), time.perf_counter() - self._due)
        closes = b"connection: close" in self._buffer[:head].lower()
        self._buffer, self._due = b"", 0.0
        if not closes:
            self._run.release(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """A request that was under way is lost."""
        if self._due:
            self._run.answered("lost", 0.0)
        self._run.free = deque(other for other in self._run.free if other is not self)
        self._run.gone += 1


class Run:
    """One schedule against one server."""

    def __init__(self, requests: list[bytes], rate: float, seconds: float) -> None:
        self._requests, self._rate, self._count = requests, rate, int(rate * seconds)
        self.free: deque[Connection] = deque()
        self._waiting: deque[tuple[bytes, float]] = deque()
        self._taken: list[float] = []
        self._statuses: Counter[str] = Counter()
        self._late = self._answers = 0
        self._all_answered = asyncio.Event()
        self.gone = 0

    async def go(self, host: str, port: int) -> dict[str, object]:
        """Connect, send everything when it is due, wait for answers, and tell."""
        loop = asyncio.get_running_loop()
        await asyncio.gather(
            *(loop.create_connection(lambda: Connection(self), host, port) for _ in range(CONNECTIONS))
        )
        began, sent = time.perf_counter() + 0.1, 0
        while sent < self._count:
            now = time.perf_counter()
            while sent < self._count and (due := began + sent / self._rate) <= now:
                self._late += now - due > _STRAYED
                self._send(self._requests[sent % len(self._requests)], due)
                sent += 1
            await asyncio.sleep(_TICK)
        took = time.perf_counter() - began
        with suppress(TimeoutError):
            await asyncio.wait_for(self._all_answered.wait(), _LATEST)
        return self._told(took)

    def release(self, connection: Connection) -> None:
        """A connection is free: the longest waiting request is next."""
        if self._waiting:
            connection.send(*self._waiting.popleft())
        else:
            self.free.append(connection)

    def answered(self, status: str, seconds: float) -> None:
        """One answer."""
        self._statuses[status] += 1
        self._answers += 1
        if self._answers == self._count:
            self._all_answered.set()
        if status == "200":
            self._taken.append(seconds)

    def _send(self, request: bytes, due: float) -> None:
        if self.free:
            self.free.popleft().send(request, due)
        else:
            self._waiting.append((request, due))

    def _told(self, took: float) -> dict[str, object]:
        taken = sorted(self._taken) or [float("nan")]
        cuts = {f"p{cut:g}": taken[min(len(taken) - 1, int(len(taken) * cut / 100))] for cut in (50, 99, 99.9)}
        lost = self._count - self._answers
        statuses = dict(self._statuses) | ({"unanswered": lost} if lost else {})
        rest = {"rate": self._count / took, "late": self._late / self._count, "statuses": statuses, "gone": self.gone}
        return cuts | rest


def read_requests(path: Path, host: str, headers: list[str]) -> list[bytes]:
    """The requests of a file, ready to be sent."""
    found = []
    for line in path.read_text().splitlines():
        method, target, body = line.split("\t")
        head = [f"{method} {target} HTTP/1.1", f"Host: {host}", "Content-Type: application/json", *headers]
        head.append(f"Content-Length: {len(body.encode())}")
        found.append("\r\n".join([*head, "", body]).encode())
    return found


if __name__ == "__main__":
    parts = urlsplit(sys.argv[1])
    ready = read_requests(Path(sys.argv[2]), parts.netloc, sys.argv[5:])
    run = Run(ready, float(sys.argv[3]), float(sys.argv[4]))
    sys.stdout.write(json.dumps(uvloop.run(run.go(parts.hostname or "", parts.port or 80))) + "\n")
