"""The door of a gateway process: where it listens, how many may come in, and how it closes without losing anybody."""

import asyncio
import ctypes
import resource
import socket
import struct
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import cast
from uuid import uuid4

import orjson

from gateway.metrics import REFUSED
from gateway.web.problems import ProblemError

BACKLOG = 1024
_FOR_ITSELF = 256
"""Files that a process needs beside its connections."""
_LINGER = 1.0
_MOST_LINGERING = 64
_SERVING, _CLOSING = b"serving", b"closing"
_SO_ATTACH_FILTER = 26
_NO_SYN = (
    (0x30, 0, 0, 13),  # load the flags of the TCP header
    (0x45, 0, 1, 0x02),  # SYN?
    (0x06, 0, 0, 0),  # drop it
    (0x06, 0, 0, 0xFFFFFFFF),  # anything else goes on, whole
)
"""A packet filter (classic BPF): no new connection, while those that are being opened come to be."""


@dataclass(frozen=True, slots=True)
class Listener:
    """What one process listens on. ``line`` leads to the parent that lent it, if one did."""

    listeners: Sequence[socket.socket]
    line: Connection | None = None

    def tell_serving(self) -> None:
        """Let the parent know that whoever knocks is answered."""
        if self.line is not None:
            with suppress(OSError):
                self.line.send_bytes(_SERVING)

    def is_to_be_shut(self) -> bool:
        """Whether nobody answers at this door after this process; else it is left open for those who wait there.

        Only the parent knows that of a door that it lent. A process that is replaced, or was ended by somebody else,
        has a successor at the same door.
        """
        if self.line is None:
            return True
        try:
            return self.line.poll() and self.line.recv_bytes() == _CLOSING
        except (EOFError, OSError):
            return True  # there is no parent any more

    def let_nobody_new_in(self) -> None:
        """Drop what asks for a new connection, so that all who were let in can be answered before the door shuts.

        They try again after a second and are then refused. Without this, the kernel would cut off whoever came between
        the last look at the queue and the shutting.
        """
        steps = b"".join(struct.pack("HBBI", *step) for step in _NO_SYN)
        program = ctypes.create_string_buffer(steps)
        for listener in self.listeners:
            with suppress(OSError):  # not Linux: it shuts without
                listener.setsockopt(
                    socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("HP", len(_NO_SYN), ctypes.addressof(program))
                )


def says_serving(line: Connection) -> bool:
    """The parent's side: whether the process at that line serves by now."""
    try:
        return line.poll() and line.recv_bytes() == _SERVING
    except (EOFError, OSError):
        return False


def tell_closing(line: Connection) -> None:
    """The parent's side: no process comes after that one."""
    with suppress(OSError):
        line.send_bytes(_CLOSING)


def listen(host: str, port: int, *, share_port: bool, reading_deadline: float) -> list[socket.socket]:
    """Listening sockets for each address of that host. A reader that takes nothing for so long is cut off."""
    listeners = bound(host, port, share_port=share_port, reading_deadline=reading_deadline)
    for listener in listeners:
        listener.listen(BACKLOG)
    return listeners


def bound(host: str, port: int, *, share_port: bool, reading_deadline: float = 0.0) -> list[socket.socket]:
    """Sockets that have the port and do not listen yet: nobody is sent to them."""
    found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    listeners: list[socket.socket] = []
    for family, kind, protocol, _, address in dict.fromkeys(found):
        listener = socket.socket(family, kind, protocol)
        listeners.append(listener)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if share_port:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):  # what is accepted inherits it
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(reading_deadline * 1000))
        listener.setblocking(False)
        try:
            listener.bind(address)
        except OSError:
            for each in listeners:
                each.close()
            raise
    return listeners


def room_for_connections(wanted: int) -> int:
    """Raise this process's limit of open files as far as it may and needs; how many connections that leaves."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = wanted + _FOR_ITSELF
    if soft != resource.RLIM_INFINITY and soft < needed:
        soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return wanted if soft == resource.RLIM_INFINITY else max(1, min(wanted, soft - _FOR_ITSELF))


@dataclass(slots=True)
class ConnectionLimit:
    """Refuses connections politely beyond ``most``; ``open_now`` counts those that are open."""

    most: int
    open_now: Callable[[], int]
    lingering: int = 0

    def guard(self, make: Callable[[], asyncio.BaseProtocol]) -> Callable[[], asyncio.BaseProtocol]:
        """The protocol of each new connection: ``make``'s, or a refusal."""

        def next_one() -> asyncio.BaseProtocol:
            if self.open_now() < self.most:
                return make()
            REFUSED.labels("connections").inc()
            return _Refusal(self)

        return next_one


class _Refusal(asyncio.Protocol):
    """Says 503 and goes. It stays for a moment: closed at once, what was sent unread would take the answer along."""

    def __init__(self, bouncer: ConnectionLimit) -> None:
        self._bouncer = bouncer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._bouncer.lingering += 1
        sender = cast(asyncio.Transport, transport)
        sender.write(_refusal())
        if self._bouncer.lingering > _MOST_LINGERING:
            sender.close()
        else:
            sender.write_eof()
            asyncio.get_running_loop().call_later(_LINGER, sender.close)

    def connection_lost(self, _error: Exception | None) -> None:
        self._bouncer.lingering -= 1


def _refusal() -> bytes:
    problem = ProblemError("overloaded")
    body = orjson.dumps(problem.document(str(uuid4())))
    headers = problem.header_fields() | {"Content-Length": str(len(body)), "Connection": "close"}
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 503 Service Unavailable\r\n{head}\r\n".encode() + body
