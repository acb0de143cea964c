"""The listening sockets of a gateway process, and how it stops accepting without losing a connection."""

import ctypes
import socket
import struct
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection

from gateway.process import parent_pipe

BACKLOG = 1024
_SO_ATTACH_FILTER = 26
"""From Linux's asm-generic/socket.h; Python has no name for it."""
_NO_SYN_FILTER = (
    (0x30, 0, 0, 13),  # load the flags of the TCP header
    (0x45, 0, 1, 0x02),  # SYN set?
    (0x06, 0, 0, 0),  # then drop the packet
    (0x06, 0, 0, 0xFFFFFFFF),  # else accept it whole
)
"""A classic BPF program that drops new connections and lets handshakes under way complete."""


@dataclass(frozen=True, slots=True)
class Listener:
    """The sockets that one process listens on. ``pipe`` leads to the parent that lent them, if one did."""

    sockets: Sequence[socket.socket]
    pipe: Connection | None = None

    def report_serving(self) -> None:
        """Let the parent know that connections are accepted."""
        if self.pipe is not None:
            parent_pipe.report_serving(self.pipe)

    def has_no_successor(self) -> bool:
        """Whether no process serves these sockets after this one; if one does, queued connections are left to it.

        Of lent sockets only the parent knows: a process that is replaced, or was killed, has a successor.
        """
        return self.pipe is None or parent_pipe.closing_announced(self.pipe)

    def stop_accepting(self) -> None:
        """Drop requests for new connections, so that all queued ones can be answered before the sockets close.

        Their clients try again after a second and are then refused. Without the filter the kernel would reset
        connections that arrive between the last ``accept`` and the closing. Linux only; elsewhere nothing happens.
        """
        steps = b"".join(struct.pack("HBBI", *step) for step in _NO_SYN_FILTER)
        program = ctypes.create_string_buffer(steps)
        filter_argument = struct.pack("HP", len(_NO_SYN_FILTER), ctypes.addressof(program))
        for sock in self.sockets:
            with suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, filter_argument)


def listening_sockets(host: str, port: int, *, share_port: bool, write_deadline: float) -> list[socket.socket]:
    """Listening sockets for each address of the host.

    A connection is reset when its client does not read for ``write_deadline`` seconds.
    """
    sockets = bound_sockets(host, port, share_port=share_port, write_deadline=write_deadline)
    for sock in sockets:
        sock.listen(BACKLOG)
    return sockets


def bound_sockets(host: str, port: int, *, share_port: bool, write_deadline: float = 0.0) -> list[socket.socket]:
    """Sockets that are bound and do not listen yet: the kernel queues no connection at them. Raises ``OSError``."""
    found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    sockets: list[socket.socket] = []
    for family, kind, protocol, _, address in dict.fromkeys(found):
        sock = socket.socket(family, kind, protocol)
        sockets.append(sock)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if share_port:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):  # accepted connections inherit it
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(write_deadline * 1000))
        sock.setblocking(False)
        try:
            sock.bind(address)
        except OSError:
            close_sockets(sockets)
            raise
    return sockets


def close_sockets(sockets: Sequence[socket.socket]) -> None:
    """Close them all."""
    for sock in sockets:
        sock.close()


def port_is_free(host: str, port: int) -> bool:
    """Whether no other process listens there; with SO_REUSEPORT a second gateway would otherwise join unnoticed."""
    try:
        close_sockets(bound_sockets(host, port, share_port=False))
    except OSError:
        return False
    return True
