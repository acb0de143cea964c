"""What all connections of the fast lane share in one process."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from gateway.checks.handler import CheckHandler
from gateway.fastlane.request_head import HeadReader
from gateway.fastlane.responses import PreparedResponses
from gateway.fastlane.write_batch import WriteBatch
from gateway.overload.load_shedder import LoadShedder
from gateway.web.auth import Authenticator
from gateway.web.drain_state import DrainState


class OpenConnection(Protocol):
    """A connection as the server sees it."""

    def look_at_clock(self, now: float) -> None:
        """Close it when it idles too long, or hand it over when its body does not come."""

    def close_if_idle(self) -> None:
        """Close it unless a request is in hand or on its way."""

    def abort(self) -> None:
        """Close it, whatever is in hand."""


@dataclass
class FastLaneShared:
    """The parts that every connection uses. ``elsewhere`` makes aiohttp's protocol for a connection handed over."""

    checks: CheckHandler
    access: Authenticator
    drain_state: DrainState
    elsewhere: Callable[[], asyncio.Protocol]
    body_limit: int
    keep_alive: float
    body_deadline: float
    open: set[OpenConnection] = field(default_factory=set, init=False)
    heads: HeadReader = field(default_factory=HeadReader)
    turns: LoadShedder = field(default_factory=LoadShedder)
    write_batch: WriteBatch = field(default_factory=WriteBatch)
    answers: PreparedResponses = field(default_factory=PreparedResponses)
