"""How many connections one process may hold open; further ones are answered 503 at once."""

import asyncio
import resource
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from gateway.metrics import REFUSED
from gateway.web.problems import ProblemError, serialise

_RESERVED_FILES = 256
"""Open files that a process needs besides its connections."""
_LINGER_S = 1.0
_MAX_LINGERING_CONNECTIONS = 64


def room_for_connections(wanted: int) -> int:
    """How many connections, at most ``wanted``, this process may hold; raises its soft limit of open files for them."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = wanted + _RESERVED_FILES
    if soft != resource.RLIM_INFINITY and soft < needed:
        soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return wanted if soft == resource.RLIM_INFINITY else max(1, min(wanted, soft - _RESERVED_FILES))


@dataclass(slots=True)
class ConnectionLimit:
    """Refuses connections beyond ``most``; ``open_connections`` counts those that are open."""

    most: int
    open_connections: Callable[[], int]
    lingering: int = 0
    """Refused connections that are still open."""

    def guard(self, factory: Callable[[], asyncio.BaseProtocol]) -> Callable[[], asyncio.BaseProtocol]:
        """A protocol factory for new connections: as ``factory`` makes it, or a refusal."""

        def guarded() -> asyncio.BaseProtocol:
            if self.open_connections() < self.most:
                return factory()
            REFUSED.labels("connections").inc()
            return _Refusal(self)

        return guarded


class _Refusal(asyncio.Protocol):
    """Answers 503 and closes.

    It lingers for a moment: closed at once, a connection with unread data is reset, and the client loses the answer.
    """

    def __init__(self, limit: ConnectionLimit) -> None:
        self._limit = limit

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._limit.lingering += 1
        writer = cast(asyncio.Transport, transport)
        writer.write(serialise(ProblemError("overloaded")).http11_message({"Connection": "close"}))
        if self._limit.lingering > _MAX_LINGERING_CONNECTIONS:
            writer.close()
        else:
            writer.write_eof()
            asyncio.get_running_loop().call_later(_LINGER_S, writer.close)

    def connection_lost(self, _error: Exception | None) -> None:
        self._limit.lingering -= 1
