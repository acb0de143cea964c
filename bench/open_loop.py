"""Open-loop load: requests are sent by a fixed schedule, and each latency runs from the scheduled time.

A late server still gets requests on schedule, and the wait shows: no coordinated omission. One thread sends and
sleeps to the microsecond in between, another receives, so that other processes on the core get their time; both have
priority over those. Run as a process of its own: ``python -m bench.open_loop URL FILE RATE SECONDS [HEADER ...]``
prints one line of JSON.
"""

import ctypes
import json
import os
import select
import socket
import sys
import threading
import time
from collections import Counter, deque
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

CONNECTIONS = 256
ANSWER_TIMEOUT_S = 5.0
"""Seconds after the last request after which an unanswered one counts as lost."""
MAX_SEND_DELAY_S = 0.005
"""Seconds after which a request counts as sent late by the generator itself."""
NICE_LEVEL = -10
_SET_TIMER_SLACK, TIMER_SLACK_NS = 29, 1
READ_BYTES = 65536


class Connection:
    """One request at a time; answers must have a Content-Length."""

    def __init__(self, host: str, port: int) -> None:
        self.socket = socket.create_connection((host, port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._due = 0.0
        self._buffer = b""

    def send(self, request: bytes, due: float) -> None:
        """Send a request that was due at ``due``."""
        self._due = due
        self.socket.sendall(request)

    def receive(self) -> tuple[str, float, bool] | None:
        """Status, latency in seconds and whether it closes; None before the answer is whole. Raises ``OSError``."""
        data = self.socket.recv(READ_BYTES)
        if not data:
            raise ConnectionResetError
        self._buffer += data
        head = self._buffer.find(b"\r\n\r\n")
        if head < 0:
            return None
        fields = self._buffer[:head].lower()
        length = fields.index(b"content-length:")
        if len(self._buffer) < head + 4 + int(fields[length + 15 :].split(b"\r\n", 1)[0]):
            return None
        status, taken = self._buffer[9:12].decode(), time.perf_counter() - self._due
        self._buffer, self._due = b"", 0.0
        return status, taken, b"connection: close" in fields

    @property
    def busy(self) -> bool:
        """Whether a request is under way."""
        return self._due > 0


class Run:
    """One schedule against one server."""

    def __init__(self, requests: list[bytes], rate: float, seconds: float) -> None:
        self._requests, self._rate, self._count = requests, rate, int(rate * seconds)
        self._free: deque[Connection] = deque()
        self._waiting: deque[tuple[bytes, float]] = deque()
        self._lock = threading.Lock()
        self._taken: list[float] = []
        self._statuses: Counter[str] = Counter()
        self._late = self._answers = self._gone = 0
        self._took = 0.0

    def go(self, host: str, port: int) -> dict[str, object]:
        """Connect, send each request when it is due, wait for the answers, and return the figures."""
        connections = [Connection(host, port) for _ in range(CONNECTIONS)]
        self._free.extend(connections)
        sender = threading.Thread(target=self._send_all, daemon=True)
        with select.epoll() as poll:
            by_number = {connection.socket.fileno(): connection for connection in connections}
            for number in by_number:
                poll.register(number, select.EPOLLIN)
            sender.start()
            ended = None
            while self._answers < self._count and (ended is None or time.perf_counter() < ended):
                for number, _ in poll.poll(0.5):
                    if not self._receive(by_number[number]):
                        poll.unregister(number)
                if ended is None and not sender.is_alive():
                    ended = time.perf_counter() + ANSWER_TIMEOUT_S
        return self._figures()

    def _send_all(self) -> None:
        began = time.perf_counter() + 0.1
        for number in range(self._count):
            due = began + number / self._rate
            pause = due - time.perf_counter()
            if pause > 0:
                time.sleep(pause)
            elif pause < -MAX_SEND_DELAY_S:
                self._late += 1
            request = self._requests[number % len(self._requests)]
            with self._lock:
                connection = self._free.popleft() if self._free else None
                if connection is None:
                    self._waiting.append((request, due))
            if connection is not None:
                with suppress(OSError):  # the receiving thread sees the error too
                    connection.send(request, due)
        self._took = time.perf_counter() - began

    def _receive(self, connection: Connection) -> bool:
        """Receive data; False when the connection has ended, which loses its pending request."""
        try:
            found = connection.receive()
        except OSError:
            return self._ended(connection)
        if found is None:
            return True
        status, taken, closes = found
        self._answers += 1
        self._statuses[status] += 1
        if status == "200":
            self._taken.append(taken)
        return self._ended(connection) if closes else self._release(connection)

    def _release(self, connection: Connection) -> bool:
        """Send the request that has waited longest, or mark the connection free."""
        with self._lock:
            waiting = self._waiting.popleft() if self._waiting else None
            if waiting is None:
                self._free.append(connection)
        if waiting is not None:
            connection.send(*waiting)
        return True

    def _ended(self, connection: Connection) -> bool:
        if connection.busy:
            self._answers += 1
            self._statuses["lost"] += 1
        self._gone += 1
        with self._lock:
            self._free = deque(other for other in self._free if other is not connection)
        return False

    def _figures(self) -> dict[str, object]:
        taken = sorted(self._taken) or [float("nan")]
        cuts = {f"p{cut:g}": taken[min(len(taken) - 1, int(len(taken) * cut / 100))] for cut in (50, 99, 99.9)}
        lost = self._count - self._answers
        statuses = dict(self._statuses) | ({"unanswered": lost} if lost else {})
        rest = {"rate": self._count / self._took, "late": self._late / self._count}
        return cuts | rest | {"statuses": statuses, "gone": self._gone}


def read_requests(path: Path, host: str, headers: list[str]) -> list[bytes]:
    """The requests of a file as bytes to send."""
    found = []
    for line in path.read_text().splitlines():
        method, target, body = line.split("\t")
        head = [f"{method} {target} HTTP/1.1", f"Host: {host}", "Content-Type: application/json", *headers]
        head.append(f"Content-Length: {len(body.encode())}")
        found.append("\r\n".join([*head, "", body]).encode())
    return found


def go_first() -> None:
    """Take priority on the core and wake up on time, as far as the system permits.

    Otherwise the latencies include the generator's own wait for the worker, which shares the core.
    """
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    except OSError:
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, 0, NICE_LEVEL)
    ctypes.CDLL(None).prctl(_SET_TIMER_SLACK, TIMER_SLACK_NS, 0, 0, 0)


if __name__ == "__main__":
    parts = urlsplit(sys.argv[1])
    ready = read_requests(Path(sys.argv[2]), parts.netloc, sys.argv[5:])
    go_first()
    run = Run(ready, float(sys.argv[3]), float(sys.argv[4]))
    sys.stdout.write(json.dumps(run.go(parts.hostname or "", parts.port or 80)) + "\n")
