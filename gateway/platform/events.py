"""GET /v1/events: a client's events as Server-Sent Events that resume without loss.

ledger ─▶ EventHub: polls for new events, once for all streams ─▶ each EventStreamHandler reads its client's events
"""

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

_POLL_INTERVAL_S = 0.5
_HEARTBEAT_INTERVAL_S = 15.0
_WRITE_DEADLINE_S = 10.0
_HEADERS = {"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
_log = structlog.get_logger("gateway.events")


class EventHub:
    """Polls the ledger once for all event streams of this process, and wakes them when there are new events."""

    def __init__(self, event_store: EventStore) -> None:
        self._event_store = event_store
        self._changed = asyncio.Condition()
        self.last_id = 0
        self.closed = False

    async def keep_polling(self) -> None:
        """Poll for as long as the process runs."""
        while True:
            try:
                last_id = await self._event_store.last_id()
            except (SQLAlchemyError, OSError) as error:
                _log.warning("events_not_read", error=type(error).__name__)
                last_id = self.last_id
            if last_id != self.last_id:
                async with self._changed:
                    self.last_id = last_id
                    self._changed.notify_all()
            await asyncio.sleep(_POLL_INTERVAL_S)

    async def close(self) -> None:
        """End all streams; their clients reconnect to another process."""
        self.closed = True
        async with self._changed:
            self._changed.notify_all()

    async def wait_beyond(self, event_id: int) -> None:
        """Return when any client has an event after that one, or when a heartbeat is due."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_HEARTBEAT_INTERVAL_S), self._changed:
                await self._changed.wait_for(lambda: self.closed or self.last_id > event_id)


@dataclass(frozen=True, slots=True)
class EventStreamHandler:
    """Streams a client's events."""

    authenticator: Authenticator
    event_store: EventStore
    hub: EventHub

    async def get(self, request: web.Request) -> web.StreamResponse:
        """Events after ``Last-Event-ID``, or from now on; ``0`` streams all events from the first."""
        client = await self.authenticator.client_of(request)
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
            return await self.event_store.last_id()
        if not (given.isascii() and given.isdigit() and len(given) < 19):
            raise ProblemError("request_invalid", "Last-Event-ID: the id of an event", path="Last-Event-ID")
        return int(given)

    async def _follow(self, request: web.Request, response: web.StreamResponse, client: str, last: int) -> None:
        seen = last
        while not self.hub.closed:
            newest = self.hub.last_id
            try:
                events = await self.event_store.after(client, last)
            except (SQLAlchemyError, OSError):
                return  # the client reconnects with the id of its last event
            for event in events:
                await self._write(response, _encode(event))
                last = event.id
            if events:
                continue
            seen = max(seen, newest, last)
            await self.hub.wait_beyond(seen)
            if self.hub.last_id <= seen:
                await self.authenticator.client_of(request)  # raises for a revoked client, which ends its stream
                await self._write(response, b": still here\n\n")

    async def _write(self, response: web.StreamResponse, data: bytes) -> None:
        """Write. Raises ``TimeoutError`` when the client does not read."""
        async with asyncio.timeout(_WRITE_DEADLINE_S):
            await response.write(data)


def _encode(event: ClientEvent) -> bytes:
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (event.id, event.type.encode(), event.body())
