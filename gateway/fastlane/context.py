"""What all connections of the fast lane share in one process."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from gateway.checks.batch import BatchService
from gateway.checks.http.responses import PreparedResponses
from gateway.checks.service import CheckService
from gateway.fastlane.request_head import HeadReader
from gateway.fastlane.write_batch import WriteBatch
from gateway.web.auth import Authenticator
from gateway.web.drain_state import DrainState


class Connection(Protocol):
    """A connection as the server sees it."""

    def enforce_deadlines(self, now: float) -> None:
        """Close it when it was idle too long, or hand it over when its body does not arrive."""

    def close_if_idle(self) -> None:
        """Close it unless a request is in progress or arriving."""

    def abort(self) -> None:
        """Close it at once."""


@dataclass
class FastLaneContext:
    """``fallback`` makes aiohttp's protocol for a connection that is handed over. Deadlines are seconds."""

    checks: CheckService
    batches: BatchService
    authenticator: Authenticator
    drain_state: DrainState
    fallback: Callable[[], asyncio.Protocol]
    body_limit: int
    keep_alive: float
    body_deadline: float
    connections: set[Connection] = field(default_factory=set)
    heads: HeadReader = field(default_factory=HeadReader)
    write_batch: WriteBatch = field(default_factory=WriteBatch)
    responses: PreparedResponses = field(default_factory=PreparedResponses)
