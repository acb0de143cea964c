"""How many connections one process may hold open; beyond it a prompt 503."""

import asyncio
import resource
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from gateway.metrics import REFUSED
from gateway.web.problems import ProblemError, serialise

_FOR_ITSELF = 256
"""Files that a process needs beside its connections."""
_LINGER = 1.0
_MOST_LINGERING = 64


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
    return serialise(ProblemError("overloaded")).http11_message({"Connection": "close"})
