"""Request bodies under a read deadline: a client that sends too slowly is answered 408."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from gateway.metrics import REFUSED
from gateway.web.problems import ProblemError

NDJSON = ("application/x-ndjson", "application/ndjson", "application/jsonl")
"""Media types of newline-delimited JSON."""
BODY_DEADLINE = web.AppKey("body_deadline", float)
"""Seconds for a whole body, or for the next piece of a streamed one."""


async def read_body(request: web.Request) -> bytes:
    """The whole body. Raises ``ProblemError`` 408 when it takes longer than the deadline."""
    if request.content.is_eof():  # it came with the headers, as nearly all do: no timer
        return await request.read()
    async with read_deadline(request):
        return await request.read()


@asynccontextmanager
async def read_deadline(request: web.Request) -> AsyncIterator["ReadDeadline"]:
    """Limit the time for reading in the block. Raises ``ProblemError`` 408 when the deadline passes."""
    seconds = request.app[BODY_DEADLINE]
    try:
        async with asyncio.timeout(seconds) as timeout:
            yield ReadDeadline(timeout, seconds)
    except TimeoutError:
        REFUSED.labels("body_too_slow").inc()
        raise ProblemError("body_too_slow") from None


class ReadDeadline:
    """A running deadline of ``seconds``."""

    def __init__(self, timeout: asyncio.Timeout, seconds: float) -> None:
        self._timeout = timeout
        self._seconds = seconds

    def restart(self) -> None:
        """Restart the deadline: enough was received."""
        self._timeout.reschedule(asyncio.get_running_loop().time() + self._seconds)
