"""Errors as RFC 9457 problem+json: raised anywhere, serialised in one place, sent by both servers.

exception ─▶ problem_of ─▶ ProblemError ─▶ serialise ─▶ response()         aiohttp
                                                    └▶ http11_message()   fast lane, connection limit
"""

from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any, NamedTuple
from uuid import uuid4

import orjson
import structlog
from aiohttp import web
from aiohttp.http_exceptions import PayloadEncodingError
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from gateway.metrics import PROBLEMS_ANSWERED
from gateway.web.problem_codes import PROBLEMS
from rules.faults import CreditGateError
from store.broker.publisher import BrokerUnavailableError
from store.register.reader import RegisterUnavailableError

_log = structlog.get_logger("gateway")
_RETRYABLE = (429, 503)
_RETRY_AFTER_S = "1"


class ProblemError(CreditGateError):
    """An error to be answered. ``code`` is a key of ``PROBLEMS``; ``more`` are extension members."""

    def __init__(self, code: str, detail: str = "", detail_zh: str = "", **more: Any) -> None:  # noqa: ANN401
        super().__init__(code)
        self.code = code
        self.detail = detail
        self.detail_zh = detail_zh
        self.more = more
        self.challenge = 'Bearer realm="CreditGate"'
        self.headers: dict[str, str] = {}
        """Headers of this problem; they replace those that its status implies."""

    @property
    def status(self) -> int:
        """Its HTTP status."""
        return PROBLEMS[self.code].status

    def document(self, status: int | None = None) -> dict[str, Any]:
        """The problem as a JSON document; ``status`` replaces the code's own."""
        kind = PROBLEMS[self.code]
        document: dict[str, Any] = {
            "type": f"urn:creditgate:problem:{self.code}",
            "title": kind.text.en,
            "title_zh": kind.text.zh,
            "status": status or kind.status,
            "code": self.code,
            "instance": uuid4().urn,
        }
        document |= {"detail": self.detail} if self.detail else {}
        document |= {"detail_zh": self.detail_zh} if self.detail_zh else {}
        return document | self.more


class SerialisedProblem(NamedTuple):
    """A problem before any HTTP server: status, header fields and body."""

    status: int
    headers: dict[str, str]
    body: bytes

    def response(self) -> web.Response:
        """As a response of aiohttp."""
        response = web.Response(status=self.status, body=self.body, headers=self.headers)
        if self.headers.get("Connection") == "close":
            response.force_close()  # aiohttp does not act on the header alone
        return response

    def http11_message(self, headers: Mapping[str, str]) -> bytes:
        """As a whole HTTP/1.1 message, with ``headers`` besides its own."""
        fields = {**self.headers, **headers, "Content-Length": str(len(self.body))}
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        return f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}\r\n{head}\r\n".encode() + self.body


def serialise(problem: ProblemError, status: int | None = None) -> SerialisedProblem:
    """A problem with the headers that its status requires; ``status`` replaces the code's own."""
    status = status or problem.status
    headers = {"Content-Type": "application/problem+json", "Cache-Control": "no-store"}
    if status == 401:
        headers["WWW-Authenticate"] = problem.challenge
    if status in _RETRYABLE:
        headers["Retry-After"] = _RETRY_AFTER_S
    if status == 408:
        headers["Connection"] = "close"  # the rest of the body would be read as the next request
    return SerialisedProblem(status, headers | problem.headers, orjson.dumps(problem.document(status)))


def problem_of(error: Exception) -> ProblemError | None:
    """The problem that answers an exception, by the exception's type; None for a bug."""
    match error:
        case ProblemError():
            return error
        case RegisterUnavailableError():
            return ProblemError(error.code)
        case web.RequestPayloadError() | PayloadEncodingError():
            return ProblemError("body_unreadable")
        case web.HTTPRequestEntityTooLarge():
            return ProblemError("body_too_large")
        case web.HTTPNotFound():
            return ProblemError("not_found")
        case BrokerUnavailableError():
            return ProblemError("broker_unavailable")
        case RedisError():
            return ProblemError("register_unreachable")
        case SQLAlchemyError() | OSError():
            return ProblemError("ledger_unavailable")
    return None


@web.middleware
async def problem_middleware(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Turn every exception of a handler into a problem; log faults of ours, without the request's body."""
    try:
        # PostgreSQL stores no NUL, and no identifier contains one.
        if any("\x00" in part for part in request.match_info.values()):
            raise ProblemError("not_found")
        if any("\x00" in value for value in request.query.values()):
            raise ProblemError("request_invalid", "a NUL character", path="query")
        return await handler(request)
    except web.HTTPMethodNotAllowed as error:
        response = _answer(request, ProblemError("method_not_allowed"))
        response.headers["Allow"] = ", ".join(sorted(error.allowed_methods))
        return response
    except Exception as error:
        problem = problem_of(error)
        if problem is not None:
            return _answer(request, problem)
        if isinstance(error, web.HTTPException):
            raise
        _log.exception("internal_error", route=_route(request))
        return _answer(request, ProblemError("internal_error"))


def _answer(request: web.Request, problem: ProblemError) -> web.Response:
    record_problem(problem, _route(request))
    return serialise(problem).response()


def record_problem(problem: ProblemError, route: str) -> None:
    """Count a problem that is answered, and log it when the fault is ours."""
    PROBLEMS_ANSWERED.labels(problem.code).inc()
    if problem.status >= 500 and problem.code != "overloaded":  # a line for each of these would add to the load
        _log.error("problem", code=problem.code, route=route)


def _route(request: web.Request) -> str:
    """The route's pattern, never the requested path, which may contain personal data."""
    resource = request.match_info.route.resource
    return resource.canonical if resource else "none"
