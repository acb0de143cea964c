"""POST /v1/checks and POST /v1/checks/batch over aiohttp."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from aiohttp import web

from gateway.checks.batch import PART_CHECKS, BatchService
from gateway.checks.service import MAX_LINE_BYTES, CheckService
from gateway.web.auth import Authenticator
from gateway.web.drain_state import DRAIN_STATE
from gateway.web.problems import ProblemError
from gateway.web.request_body import NDJSON, read_body, read_deadline
from gateway.web.responses import JSON_HEADERS

_NDJSON_HEADERS = {"Content-Type": "application/x-ndjson", "Cache-Control": "no-store"}
_ENDING = ("this process is about to end; ask from this line on again", "本进程即将退出，请从这一行起重新发送")


@dataclass(frozen=True, slots=True)
class CheckHandler:
    """The two routes for checks."""

    authenticator: Authenticator
    service: CheckService
    batches: BatchService

    async def post(self, request: web.Request) -> web.Response:
        """Answer one check."""
        self.service.admission.require_capacity()
        client = await self.authenticator.client_of(request)
        result = await self.service.check(client, await read_body(request))
        return web.Response(body=result.body, headers=JSON_HEADERS)

    async def post_batch(self, request: web.Request) -> web.StreamResponse:
        """Answer many: a document as a whole, lines as they arrive."""
        self.service.admission.require_capacity()
        client = await self.authenticator.client_of(request)
        if request.content_type not in NDJSON:
            return web.Response(body=await self.batches.answer(client, await read_body(request)), headers=JSON_HEADERS)
        response = web.StreamResponse(headers=_NDJSON_HEADERS)
        await response.prepare(request)
        try:
            async for lines in self.batches.answer_lines(client, _parts(request)):
                await response.write(lines)
        except ProblemError:  # the response has begun: its last line is the problem
            response.force_close()
        await response.write_eof()
        return response


async def _parts(request: web.Request) -> AsyncIterator[list[bytes]]:
    """The lines of the body as they arrive, at most ``PART_CHECKS`` at a time; blank lines are skipped.

    Of a line that is too long, what has arrived is yielded, to be refused, and nothing after it is read. Raises
    ``ProblemError`` 408 when the next whole line does not arrive in time, and 503 when the process ends.
    """
    drain_state = request.app[DRAIN_STATE]
    rest, lines, ended = b"", list[bytes](), False
    while not ended:
        async with read_deadline(request):  # limits the wait for a line, not the making of answers
            while not lines and not ended:
                chunk = await request.content.readany()
                *whole, rest = (rest + chunk).split(b"\n")
                lines = [line for line in whole if line.strip()]
                ended = not chunk or len(rest) > MAX_LINE_BYTES
        if ended and rest.strip():
            lines.append(rest)
        while lines:
            if drain_state.end_streams:
                raise ProblemError("overloaded", *_ENDING)
            yield lines[:PART_CHECKS]
            del lines[:PART_CHECKS]
