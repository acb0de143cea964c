"""What all connections of the fast lane share in one process, and answers that have to wait for something."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from gateway.checks.batch import BatchService
from gateway.checks.http.responses import PreparedResponses
from gateway.checks.lookup_keys import LookupKeys
from gateway.checks.service import CheckService
from gateway.fastlane.request_head import Head, HeadReader
from gateway.fastlane.write_batch import WriteBatch
from gateway.web.auth import Authenticator
from gateway.web.drain_state import DrainState
from store.platforms.clients import Client


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

    async def full_answer(self, head: Head, body: bytes) -> bytes:
        """The answer to a batch, or to a check whose client is not in memory. Raises ``ProblemError``."""
        client = await self.authenticator.client_with(head.authorization)
        if head.batch:
            return await self.batches.answer(client, body)
        return (await self.checks.check(client, body)).body

    async def decide(self, client: Client, lookup: LookupKeys) -> bytes:
        """The answer to a check that needs a full decision. Raises ``ProblemError``."""
        return (await self.checks.decide(client, lookup)).body
