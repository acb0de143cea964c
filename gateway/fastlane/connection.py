"""One connection of the fast lane: checks without a web framework, answered by the same service.

bytes ─▶ plain head of a check? ──no──▶ the aiohttp application, with every byte, for good
              │yes
              ▼
         whole body ─▶ client ─▶ CheckService ─▶ response ─▶ next request of the connection

Every connection starts here. The first request that is not a plain check, or that is followed by another before it is
answered, hands the connection over before any work on that request.
"""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from time import monotonic
from typing import cast

from gateway.checks.http.responses import error_response
from gateway.checks.lookup_keys import LookupKeys
from gateway.fastlane.context import FastLaneContext
from gateway.fastlane.request_head import MAX_HEAD_BYTES, Head

_PLAIN_START = b"POST /v1/checks"
_HEAD_END = b"\r\n\r\n"
_MAX_BUFFERED_BYTES = 256 * 1024
"""Bytes of later requests that are kept while one is in progress; beyond it, reading pauses."""
_CLOSE_HEADER = b"\r\nConnection: close"


@dataclass(slots=True, eq=False, repr=False)
class FastLaneConnection(asyncio.Protocol):
    """One connection. It has no generated ``repr``, which would show requests and keys in logs."""

    _context: FastLaneContext
    _transport: asyncio.Transport | None = None
    _buffer: bytes = b""
    _head: Head | None = None
    _body_start: int = 0
    """Index in the buffer, once the head is complete."""
    _parts: list[bytes] = field(default_factory=list)
    """Pieces of a body after the buffer's content."""
    _missing: int = 0
    """Bytes of the body that have not arrived."""
    _task: asyncio.Task[None] | None = None
    _write_paused: bool = False
    _read_paused: bool = False
    _waiting_since: float = field(default_factory=monotonic)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Register the connection."""
        self._transport = cast(asyncio.Transport, transport)
        self._context.connections.add(self)

    def connection_lost(self, _error: Exception | None) -> None:
        """Forget the connection; a request in progress is finished, for the ledger."""
        self._transport = None
        self._context.connections.discard(self)

    def data_received(self, data: bytes) -> None:
        """Collect bytes, and answer the request that is complete."""
        if self._missing > 0:
            self._parts.append(data)
            self._missing -= len(data)
            if self._missing > 0:
                return
            self._buffer = b"".join((self._buffer, *self._parts))
            self._parts.clear()
        else:
            self._buffer = self._buffer + data if self._buffer else data
            self._waiting_since = monotonic()
        if self._task is None and not self._write_paused:
            self._answer_buffered()
        elif len(self._buffer) > _MAX_BUFFERED_BYTES and not self._read_paused and self._transport:
            self._read_paused = True
            self._transport.pause_reading()

    def pause_writing(self) -> None:
        """The client does not read: answer no more until it does."""
        self._write_paused = True

    def resume_writing(self) -> None:
        """The client reads again."""
        self._write_paused = False
        if self._task is None:
            self._answer_buffered()

    def enforce_deadlines(self, now: float) -> None:
        """Close it when it was idle too long; hand it over when its body does not arrive: aiohttp answers 408."""
        waited = now - self._waiting_since
        if self._task is None and self._head is not None and waited > self._context.body_deadline:
            self._hand_over()
        elif self._task is None and self._head is None and waited > self._context.keep_alive:
            self.abort()

    def close_if_idle(self) -> None:
        """Close it unless a request is in progress or arriving."""
        if self._task is None and not self._buffer and self._transport:
            self._transport.close()

    def abort(self) -> None:
        """Close it at once."""
        if self._transport:
            self._transport.abort()

    def _answer_buffered(self) -> None:
        """Answer the request in the buffer if it is complete; hand over if more than one request is there."""
        if self._buffer and self._task is None and not self._write_paused and self._transport is not None:
            head = self._head
            if head is None:
                head = self._next_head()
                if head is None:
                    return self._hand_over()
                self._head = head
            end = self._body_start + head.length
            self._missing = end - len(self._buffer)
            if self._missing > 0:
                return None
            if self._missing < 0:
                return self._hand_over()
            body, self._buffer, self._head = self._buffer[self._body_start :], b"", None
            self._answer(head, body)
        if self._read_paused and len(self._buffer) <= _MAX_BUFFERED_BYTES and self._transport is not None:
            self._read_paused = False
            self._transport.resume_reading()

    def _next_head(self) -> Head | None:
        """The head that the buffer starts with; None when it is not plain, or not complete."""
        if not self._buffer.startswith(_PLAIN_START):
            return None
        end = self._buffer.find(_HEAD_END, 0, MAX_HEAD_BYTES)
        if end < 0:
            return None
        self._body_start = end + len(_HEAD_END)
        head = self._context.heads.read(self._buffer[: self._body_start])
        return head if head is not None and head.length <= self._context.body_limit else None

    def _answer(self, head: Head, body: bytes) -> None:
        context = self._context
        if not context.checks.admission.has_capacity():
            return self._write(context.responses.overloaded())
        try:
            client = context.authenticator.known(head.authorization)
            if client is None or head.batch:
                answer = context.full_answer(head, body)
            else:
                allowed = context.checks.try_allow(client, body)
                if not isinstance(allowed, LookupKeys):
                    return self._send(allowed)
                answer = context.decide(client, allowed)
        except Exception as error:
            return self._send_error(error, head.route)
        self._task = asyncio.create_task(self._answer_later(answer, head.route))
        return None

    async def _answer_later(self, answer: Coroutine[None, None, bytes], route: str) -> None:
        try:
            body = await answer
        except Exception as error:
            self._send_error(error, route)
        else:
            self._send(body)
        self._task = None
        self._answer_buffered()

    def _send(self, body: bytes) -> None:
        last_header = _CLOSE_HEADER if self._context.drain_state.draining else b""
        self._write(self._context.responses.ok(body, last_header))

    def _send_error(self, error: Exception, route: str) -> None:
        self._write(error_response(error, route, closing=self._context.drain_state.draining))

    def _write(self, response: bytes) -> None:
        if self._transport is None:
            return
        self._context.write_batch.put(self._transport, response)
        if self._context.drain_state.draining:
            self._context.write_batch.send()
            self._buffer = b""
            self._transport.close()

    def _hand_over(self) -> None:
        """Give the connection to aiohttp, which reads the request again from its first byte."""
        transport, received = self._transport, b"".join((self._buffer, *self._parts))
        assert transport is not None
        self._context.write_batch.send()  # earlier responses come before those of aiohttp
        self._transport, self._buffer = None, b""
        self._parts.clear()
        self._context.connections.discard(self)
        protocol = self._context.fallback()
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        if self._read_paused:
            transport.resume_reading()
        if self._write_paused:
            protocol.pause_writing()
        protocol.data_received(received)
