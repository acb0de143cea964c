"""How many requests are in progress in this process; one beyond the limit is 503 at once, not queued.

Checks, feeds and all other routes have a limit each, so that none of them starves another. Health has none.
"""

import asyncio
from collections.abc import Iterable
from types import TracebackType
from typing import Self

from aiohttp import web

from config.settings import Settings
from gateway.metrics import IN_HAND, REFUSED
from gateway.web.auth import Authenticator
from gateway.web.problems import ProblemError

_NOT_LIMITED_HERE = ("/v1/checks", "/v1/authz", "/v1/tickets", "/v1/events", "/v1/schemas")
"""Checks and tickets enter their limit after the body was read; event streams idle; schemas are static pages."""


class ConcurrencyLimit:
    """Admits at most ``maximum`` requests at a time: ``with limit: …`` raises ``ProblemError`` 503 when it is full."""

    def __init__(self, kind: str, maximum: int) -> None:
        self._maximum = maximum
        self._gauge = IN_HAND.labels(kind)
        self._room = asyncio.Event()
        self.in_progress = 0

    def __enter__(self) -> Self:
        if self.in_progress >= self._maximum:
            REFUSED.labels("overloaded").inc()
            raise ProblemError("overloaded")
        self.in_progress += 1
        self._gauge.inc()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.in_progress -= 1
        self._room.set()
        self._gauge.dec()

    async def has_room(self) -> None:
        """Wait until a request may enter: for a stream, whose response has begun and cannot be refused."""
        while self.in_progress >= self._maximum:
            self._room.clear()
            await self._room.wait()


class ConcurrencyLimits:
    """The limits of one process."""

    def __init__(self, settings: Settings, authenticator: Authenticator) -> None:
        self._authenticator = authenticator
        self.checks = ConcurrencyLimit("checks", settings.max_in_hand)
        self.feeds = ConcurrencyLimit("feeds", settings.max_feeds_in_hand)
        self.rest = ConcurrencyLimit("rest", settings.max_in_hand)

    def add_routes(self, app: web.Application, routes: Iterable[web.RouteDef]) -> None:
        """Add the routes, each behind its limit unless it is open to all or enters a limit itself."""
        app.add_routes([self._limited(route) for route in routes])

    def _limited(self, route: web.RouteDef) -> web.RouteDef:
        if not route.path.startswith("/v1/") or route.path.startswith(_NOT_LIMITED_HERE):
            return route
        limit = self.feeds if route.path.startswith("/v1/feeds/") else self.rest

        async def enter(request: web.Request) -> web.StreamResponse:
            await self._authenticator.client_of(request)  # an unknown caller takes no place
            with limit:
                return await route.handler(request)

        return web.RouteDef(route.method, route.path, enter, route.kwargs)
