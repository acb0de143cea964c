"""Bodies that come in at a decent pace; one that trickles is cut off: nobody holds a place by sending nothing."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from gateway.metrics import REFUSED
from gateway.web.problems import ProblemError

NDJSON = ("application/x-ndjson", "application/ndjson", "application/jsonl")
DEADLINE = web.AppKey("body_deadline", float)
"""Seconds for a body, or for the next piece of one that has no end."""


async def read_body(request: web.Request) -> bytes:
    """The whole body. Raises ``ProblemError`` 408 when it takes longer than the deadline."""
    if request.content.is_eof():  # it came with the headers, as nearly all do: no timer
        return await request.read()
    async with in_good_time(request):
        return await request.read()


@asynccontextmanager
async def in_good_time(request: web.Request) -> AsyncIterator["Patience"]:
    """Wait for a body. Raises ``ProblemError`` 408 when the deadline passes without news of progress."""
    deadline = request.app[DEADLINE]
    try:
        async with asyncio.timeout(deadline) as timeout:
            yield Patience(timeout, deadline)
    except TimeoutError:
        REFUSED.labels("body_too_slow").inc()
        raise ProblemError("body_too_slow") from None


class Patience:
    """What remains of it."""

    def __init__(self, timeout: asyncio.Timeout, deadline: float) -> None:
        self._timeout = timeout
        self._deadline = deadline

    def renew(self) -> None:
        """Something came that was worth waiting for."""
        self._timeout.reschedule(asyncio.get_running_loop().time() + self._deadline)
