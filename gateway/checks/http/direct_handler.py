"""Plain checks straight from aiohttp's protocol: without its router, middlewares, request and response objects.

request ─▶ POST /v1/checks, HTTP/1.1, whole body there, kept alive? ──no──▶ the aiohttp application
                     │yes
                     ▼
          admission ─▶ client ─▶ CheckService ─▶ response bytes ─▶ transport

aiohttp parses the request and keeps the connection; ``bench/road_cost.py`` measures what a check costs this way.
"""

from collections.abc import Awaitable, Callable

from aiohttp import hdrs, web
from aiohttp.http import HttpVersion11

from gateway.checks.http.responses import PreparedResponses, error_response
from gateway.checks.lookup_keys import LookupKeys
from gateway.checks.service import CheckService
from gateway.web.auth import Authenticator
from gateway.web.drain_state import DrainState

_PATH = "/v1/checks"


class DirectCheckHandler:
    """The handler of an aiohttp ``web.Server``; ``application`` answers all that is not a plain check."""

    def __init__(
        self,
        service: CheckService,
        authenticator: Authenticator,
        drain_state: DrainState,
        body_limit: int,
        application: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]],
    ) -> None:
        self._service = service
        self._authenticator = authenticator
        self._drain_state = drain_state
        self._body_limit = body_limit
        self._application = application
        self._responses = PreparedResponses()

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer a plain check, or have the application answer. Raises what the application does."""
        if not self._is_plain(request):
            return await self._application(request)
        if not self._service.admission.has_capacity():
            return WholeResponse(self._responses.overloaded())
        self._drain_state.in_flight += 1
        try:
            authorization = request.headers.get(hdrs.AUTHORIZATION, "")
            client = self._authenticator.known(authorization) or await self._authenticator.client_with(authorization)
            answer = self._service.try_allow(client, request.content.read_nowait())
            if isinstance(answer, LookupKeys):
                answer = (await self._service.decide(client, answer)).body
        except Exception as error:
            return WholeResponse(error_response(error, _PATH))
        else:
            return WholeResponse(self._responses.ok(answer))
        finally:
            self._drain_state.in_flight -= 1

    def _is_plain(self, request: web.BaseRequest) -> bool:
        content = request.content
        return (
            request.raw_path == _PATH
            and request.method == hdrs.METH_POST
            and request.version == HttpVersion11
            and request.keep_alive
            and content.is_eof()
            and content.total_bytes <= self._body_limit
            and content.exception() is None
            and hdrs.EXPECT not in request.headers
            and not self._drain_state.draining  # the application closes the connection
        )


class WholeResponse(web.StreamResponse):
    """A response whose head and body are bytes already. Only for a request that keeps its connection alive."""

    keep_alive = True

    def __init__(self, data: bytes) -> None:
        """Sets nothing of a ``StreamResponse``: the protocol only calls the methods below."""
        self._data = data

    async def prepare(self, request: web.BaseRequest) -> None:
        """Send it. Raises ``ConnectionResetError`` when the client is gone."""
        protocol = request.protocol
        transport = protocol.transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError("the client is gone")
        transport.write(self._data)
        if protocol.writing_paused:
            await request.writer.drain()

    async def write_eof(self, data: bytes = b"") -> None:
        """Everything was sent by ``prepare``."""
