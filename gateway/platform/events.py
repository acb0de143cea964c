"""GET /v1/events: what a client is told, as Server-Sent Events that resume without loss."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass

import structlog
from aiohttp import web
from sqlalchemy.exc import SQLAlchemyError

from gateway.metrics import EVENT_STREAMS
from gateway.web.auth import Authenticator
from gateway.web.problems import ProblemError
from store.platforms.outbox import ClientEvent, EventStore

_PERIOD = 0.5
_HEARTBEAT = 15.0
_WRITE_DEADLINE = 10.0
_HEADERS = {"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
_log = structlog.get_logger("gateway.events")


class EventHub:
    """One look at the ledger for all streams of this process: tells them that there is something new."""

    def __init__(self, book: EventStore) -> None:
        self._book = book
        self._news = asyncio.Condition()
        self.last = 0
        self.closed = False

    async def keep_looking(self) -> None:
        """Look for as long as the process runs."""
        while True:
            try:
                last = await self._book.last_id()
            except (SQLAlchemyError, OSError) as error:
                _log.warning("events_not_read", error=type(error).__name__)
                last = self.last
            if last != self.last:
                async with self._news:
                    self.last = last
                    self._news.notify_all()
            await asyncio.sleep(_PERIOD)

    async def close(self) -> None:
        """End all streams: their clients come back to another process."""
        self.closed = True
        async with self._news:
            self._news.notify_all()

    async def wait_beyond(self, event_id: int) -> None:
        """Return when there is an event after that one, of whatever client; at the latest after a heartbeat."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_HEARTBEAT), self._news:
                await self._news.wait_for(lambda: self.closed or self.last > event_id)


@dataclass(frozen=True, slots=True)
class EventStream:
    """Streams a client's events."""

    access: Authenticator
    book: EventStore
    hub: EventHub

    async def get(self, request: web.Request) -> web.StreamResponse:
        """Events after ``Last-Event-ID``, or from now on; ``0`` for all there ever were."""
        client = await self.access.client_of(request)
        last = await self._start(request)
        response = web.StreamResponse(headers=_HEADERS)
        await response.prepare(request)
        with EVENT_STREAMS.track_inprogress():
            await self._write(response, b"retry: 2000\n\n")
            with suppress(ConnectionError, TimeoutError):
                await self._follow(request, response, client.id, last)
        return response

    async def _start(self, request: web.Request) -> int:
        given = request.headers.get("Last-Event-ID")
        if given is None:
            return await self.book.last_id()
        if not (given.isascii() and given.isdigit() and len(given) < 19):
            raise ProblemError("request_invalid", "Last-Event-ID: the id of an event", path="Last-Event-ID")
        return int(given)

    async def _follow(self, request: web.Request, response: web.StreamResponse, client: str, last: int) -> None:
        looked = last
        while not self.hub.closed:
            newest = self.hub.last
            try:
                events = await self.book.after(client, last)
            except (SQLAlchemyError, OSError):
                return  # the client comes back with the id of the last event it has
            for event in events:
                await self._write(response, _form(event))
                last = event.id
            if events:
                continue
            looked = max(looked, newest, last)
            await self.hub.wait_beyond(looked)
            if self.hub.last <= looked:
                await self.access.client_of(request)  # ends the stream of a client that was revoked
                await self._write(response, b": still here\n\n")

    async def _write(self, response: web.StreamResponse, data: bytes) -> None:
        """Write, or give up on a reader that takes nothing."""
        async with asyncio.timeout(_WRITE_DEADLINE):
            await response.write(data)


def _form(event: ClientEvent) -> bytes:
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (event.id, event.type.encode(), event.body())
