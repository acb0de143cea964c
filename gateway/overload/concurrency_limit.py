"""How much is in hand at once in this process; beyond it a prompt 503, since a queue that grows helps nobody.

Checks, feeds and all the rest have a gate each, so that none of them starves another. Health has none.
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

_ON_THEIR_OWN = ("/v1/checks", "/v1/authz", "/v1/tickets", "/v1/events", "/v1/schemas")
"""Those that take their place once the body is there; event streams, which idle; and what is a page."""


class ConcurrencyLimit:
    """Lets at most ``most`` in at once: ``with gate: …`` raises ``ProblemError`` 503 when it is full."""

    def __init__(self, kind: str, most: int) -> None:
        self._most = most
        self._shown = IN_HAND.labels(kind)
        self._room = asyncio.Event()
        self.in_hand = 0

    def __enter__(self) -> Self:
        if self.in_hand >= self._most:
            REFUSED.labels("overloaded").inc()
            raise ProblemError("overloaded")
        self.in_hand += 1
        self._shown.inc()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.in_hand -= 1
        self._room.set()
        self._shown.dec()

    async def has_room(self) -> None:
        """Wait for a place: for one that is being served already and cannot be refused any more."""
        while self.in_hand >= self._most:
            self._room.clear()
            await self._room.wait()


class ConcurrencyLimits:
    """The gates of one process."""

    def __init__(self, settings: Settings, access: Authenticator) -> None:
        self._access = access
        self.checks = ConcurrencyLimit("checks", settings.max_in_hand)
        self.feeds = ConcurrencyLimit("feeds", settings.max_feeds_in_hand)
        self.rest = ConcurrencyLimit("rest", settings.max_in_hand)

    def add_routes(self, app: web.Application, routes: Iterable[web.RouteDef]) -> None:
        """Offer the routes; each request needs a place, but at those that are open or take their own."""
        app.add_routes([self._behind_its_gate(route) for route in routes])

    def _behind_its_gate(self, route: web.RouteDef) -> web.RouteDef:
        if not route.path.startswith("/v1/") or route.path.startswith(_ON_THEIR_OWN):
            return route
        gate = self.feeds if route.path.startswith("/v1/feeds/") else self.rest

        async def enter(request: web.Request) -> web.StreamResponse:
            await self._access.client_of(request)  # who is not known takes nobody's place
            with gate:
                return await route.handler(request)

        return web.RouteDef(route.method, route.path, enter, route.kwargs)
