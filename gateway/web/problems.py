"""Every error this service answers, as RFC 9457 problem+json."""

from collections.abc import Awaitable, Callable
from typing import Any
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
_COME_BACK = (429, 503)


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
        """Headers of its own, before those that its status promises."""

    @property
    def status(self) -> int:
        """Its HTTP status."""
        return PROBLEMS[self.code].status

    def document(self, request_id: str) -> dict[str, Any]:
        """The problem as a document."""
        kind = PROBLEMS[self.code]
        document: dict[str, Any] = {
            "type": f"urn:creditgate:problem:{self.code}",
            "title": kind.text.en,
            "title_zh": kind.text.zh,
            "status": kind.status,
            "code": self.code,
            "instance": f"urn:uuid:{request_id}",
        }
        document |= {"detail": self.detail} if self.detail else {}
        document |= {"detail_zh": self.detail_zh} if self.detail_zh else {}
        return document | self.more

    def header_fields(self) -> dict[str, str]:
        """The headers of the answer, whichever server sends it."""
        status = self.status
        headers = {"Content-Type": "application/problem+json", "Cache-Control": "no-store"}
        if status == 401:
            headers["WWW-Authenticate"] = self.challenge
        if status in _COME_BACK:
            headers["Retry-After"] = "1"
        if status == 408:
            headers["Connection"] = "close"  # what is left of the body would be read as the next request
        return headers | self.headers

    def response(self, request_id: str) -> web.Response:
        """The problem as an answer."""
        body = orjson.dumps(self.document(request_id))
        response = web.Response(status=self.status, body=body, headers=self.header_fields())
        if response.headers.get("Connection") == "close":
            response.force_close()  # the header alone does not tell aiohttp
        return response


def problem_of(error: Exception) -> ProblemError | None:
    """What went wrong as a problem to be answered; None for what is a bug. Told by the kind of the error."""
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
async def answer_problems(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Turn whatever a handler raises into a problem document; log what is our fault, without the body."""
    try:
        # No database keeps a NUL, and nobody's id has one.
        if any("\x00" in part for part in request.match_info.values()):
            raise ProblemError("not_found")
        if any("\x00" in value for value in request.query.values()):
            raise ProblemError("request_invalid", "a character that cannot be", path="query")
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
    note_problem(problem, _route(request))
    return problem.response(str(uuid4()))


def note_problem(problem: ProblemError, route: str) -> None:
    """Count a problem that is answered, and log what is our fault."""
    PROBLEMS_ANSWERED.labels(problem.code).inc()
    if problem.status >= 500 and problem.code != "overloaded":  # a line for each of these would add to the load
        _log.error("problem", code=problem.code, route=route)


def _route(request: web.Request) -> str:
    """The route's pattern, never the path that was asked for: that may hold anything."""
    resource = request.match_info.route.resource
    return resource.canonical if resource else "none"
