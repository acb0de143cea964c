"""The fast lane: checks without the machinery of a web framework, on the same port and by the same checking code.

bytes ─▶ plain head of a check? ──no──▶ the aiohttp application, with every byte of it, for good
              │yes
              ▼
         whole body ─▶ client ─▶ CheckHandler ─▶ answer ─▶ next request of the connection

A connection starts here. The first request that is not plainly a check, or that another follows before it is answered,
hands it over before anything of that request was done.
"""

import asyncio
from collections.abc import Coroutine
from time import monotonic
from typing import cast

import structlog

from gateway.checks.handler import Reply
from gateway.checks.lookup_keys import LookupKeys
from gateway.fastlane.request_head import LONGEST_HEAD, Head
from gateway.fastlane.responses import problem_bytes
from gateway.fastlane.shared import FastLaneShared
from gateway.web.problems import ProblemError, problem_of, record_problem

_PLAIN = b"POST /v1/checks"
_END = b"\r\n\r\n"
_MOST_WAITING = 256 * 1024
"""Bytes of further requests that are kept while one is in hand; then the client waits."""
_CLOSE = b"\r\nConnection: close"
_log = structlog.get_logger("gateway.fast_lane")


class FastLaneConnection(asyncio.Protocol):
    """One connection."""

    __slots__ = (
        "_body",
        "_buffer",
        "_head",
        "_held",
        "_lanes",
        "_missing",
        "_parts",
        "_paused",
        "_since",
        "_task",
        "_transport",
    )

    def __init__(self, lanes: FastLaneShared) -> None:
        self._lanes = lanes
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        self._head: Head | None = None
        self._body = 0
        """Where the body starts, once the head is known."""
        self._parts: list[bytes] = []
        """What came of a body after the buffer's content, and how much of it is still missing."""
        self._missing = 0
        self._task: asyncio.Task[None] | None = None
        self._held = False
        self._paused = False
        self._since = monotonic()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Somebody is there."""
        self._transport = cast(asyncio.Transport, transport)
        self._lanes.open.add(self)

    def connection_lost(self, _error: Exception | None) -> None:
        """Nobody is there any more; what is in hand is finished for the ledger's sake."""
        self._transport = None
        self._lanes.open.discard(self)

    def data_received(self, data: bytes) -> None:
        """Take in what came."""
        if self._missing > 0:
            self._parts.append(data)
            self._missing -= len(data)
            if self._missing > 0:
                return
            self._buffer = b"".join((self._buffer, *self._parts))
            self._parts.clear()
        else:
            self._buffer = self._buffer + data if self._buffer else data
            self._since = monotonic()
        if self._task is None and not self._held:
            self._work_off()
        elif len(self._buffer) > _MOST_WAITING and not self._paused and self._transport:
            self._paused = True
            self._transport.pause_reading()

    def pause_writing(self) -> None:
        """The client does not read: no more answers until it does."""
        self._held = True

    def resume_writing(self) -> None:
        """It reads again."""
        self._held = False
        if self._task is None:
            self._work_off()

    def look_at_clock(self, now: float) -> None:
        """Nobody keeps a place by sending nothing."""
        waited = now - self._since
        if self._task is None and self._head is not None and waited > self._lanes.body_deadline:
            self._hand_over()
        elif self._task is None and self._head is None and waited > self._lanes.keep_alive:
            self.abort()

    def close_if_idle(self) -> None:
        """Close it unless a request is in hand or on its way."""
        if self._task is None and not self._buffer and self._transport:
            self._transport.close()

    def abort(self) -> None:
        """Close it, whatever is in hand."""
        if self._transport:
            self._transport.abort()

    def _work_off(self) -> None:
        """Answer the request that has wholly come; what it came with, if anything, is not for the lane."""
        if self._buffer and self._task is None and not self._held and self._transport is not None:
            head = self._head
            if head is None:
                head = self._next_head()
                if head is None:
                    return self._hand_over()
                self._head = head
            end = self._body + head.length
            self._missing = end - len(self._buffer)
            if self._missing > 0:
                return None
            if self._missing < 0:
                return self._hand_over()
            body, self._buffer, self._head = self._buffer[self._body :], b"", None
            self._answer(head, body)
        if self._paused and len(self._buffer) <= _MOST_WAITING and self._transport is not None:
            self._paused = False
            self._transport.resume_reading()

    def _next_head(self) -> Head | None:
        """The head that the buffer starts with; None when it is not for the lane, or not all there."""
        if not self._buffer.startswith(_PLAIN):
            return None
        end = self._buffer.find(_END, 0, LONGEST_HEAD)
        if end < 0:
            return None
        self._body = end + len(_END)
        head = self._lanes.heads.read(self._buffer[: self._body])
        return head if head is not None and head.length <= self._lanes.body_limit else None

    def _answer(self, head: Head, body: bytes) -> None:
        if not self._lanes.turns.has_time() and not self._lanes.drain_state.draining:
            return self._write(self._lanes.answers.busy())
        checks = self._lanes.checks
        try:
            client = self._lanes.access.known(head.authorization)
            if client is None or head.batch:
                reply = self._reply(head, body)
            else:
                answered = checks.at_once(client, body)
                if not isinstance(answered, LookupKeys):
                    return self._send(answered)
                reply = checks.reply_in_time(client, answered)
        except Exception as error:
            return self._send_problem(error, head.route)
        self._task = asyncio.create_task(self._answer_in_time(reply, head.route))
        return None

    async def _reply(self, head: Head, body: bytes) -> Reply:
        client = await self._lanes.access.client_with(head.authorization)
        checks = self._lanes.checks
        return await (checks.reply_to_batch(client, body) if head.batch else checks.reply_to_check(client, body))

    async def _answer_in_time(self, reply: Coroutine[None, None, Reply], route: str) -> None:
        try:
            body = (await reply).body
        except Exception as error:
            self._send_problem(error, route)
        else:
            self._send(body)
        self._task = None
        self._work_off()

    def _send(self, body: bytes) -> None:
        self._write(b"%b%d%b\r\n\r\n%b" % (self._lanes.answers.ok(), len(body), self._last_words(), body))

    def _send_problem(self, error: Exception, route: str) -> None:
        problem = problem_of(error)
        if problem is None:
            _log.error("internal_error", error=type(error).__name__, exc_info=error)
            problem = ProblemError("internal_error")
        record_problem(problem, route)
        self._write(problem_bytes(problem, closing=self._lanes.drain_state.draining))

    def _last_words(self) -> bytes:
        """Before the end of an answer's head: while draining, that the connection goes elsewhere."""
        return _CLOSE if self._lanes.drain_state.draining else b""

    def _write(self, answer: bytes) -> None:
        if self._transport is None:
            return
        self._lanes.write_batch.put(self._transport, answer)
        if self._lanes.drain_state.draining:
            self._lanes.write_batch.send()
            self._buffer = b""
            self._transport.close()

    def _hand_over(self) -> None:
        """Give the connection to aiohttp, from the request on that is not for the lane."""
        transport, received = self._transport, b"".join((self._buffer, *self._parts))
        assert transport is not None
        self._lanes.write_batch.send()  # what was answered before comes before what aiohttp answers
        self._transport, self._buffer = None, b""
        self._parts.clear()
        self._lanes.open.discard(self)
        protocol = self._lanes.elsewhere()
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        if self._paused:
            transport.resume_reading()
        if self._held:
            protocol.pause_writing()
        protocol.data_received(received)
