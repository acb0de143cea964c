"""The sockets of a gateway process: where it listens, and how it stops without losing a connection."""

import ctypes
import socket
import struct
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection

BACKLOG = 1024
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
