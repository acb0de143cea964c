"""GET /v1/authz: the door for nginx ``auth_request`` and Envoy ``ext_authz``; a check made of headers.

200 lets the request on, 403 stops it, 5xx says that nothing was decided: those two understand nothing else, so that
one who asks too much is told 503 too.
"""

from dataclasses import dataclass
from urllib.parse import unquote
from uuid import uuid4

import orjson
import structlog
from aiohttp import web

from config.settings import Settings
from gateway.checks.handler import CheckHandler
from gateway.checks.request import CheckRequest, check_request_from
from gateway.web.auth import Authenticator
from gateway.web.problem_codes import PROBLEMS
from gateway.web.problems import ProblemError, serialise
from gateway.web.responses import json_response
from rules.vocabulary import Outcome

DECISION = "X-CreditGate-Decision"
OUTCOME = "X-CreditGate-Outcome"
PROBLEM = "X-CreditGate-Problem"
_TOO_MUCH = ("rate_limited", "overloaded")
"""A proxy knows no 429; these are counted and not logged one by one."""
_OF_THE_SUBJECT = ("identifier_invalid", "subject_unidentified")
_log = structlog.get_logger("gateway.authz")


@dataclass(frozen=True, slots=True)
class HeaderNames:
    """In which headers the proxy says what is asked."""

    scene: str
    subject: str
    name: str
    role: str
    transaction: str
    operator: str
    purpose: str

    @classmethod
    def of(cls, settings: Settings) -> "HeaderNames":
        """As the operator named them."""
        return cls(**{name: getattr(settings, f"authz_{name}_header") for name in cls.__slots__})


@dataclass(frozen=True, slots=True)
class ProxyAuthHandler:
    """Answers proxies."""

    access: Authenticator
    checks: CheckHandler
    names: HeaderNames

    async def any(self, request: web.Request) -> web.Response:
        """Decide from headers, whatever the method and the rest of the path."""
        try:
            client = await self.access.client_of(request)
            self.checks.limits.take(client)
            decided = await self.checks.decide(client, self._asked(request))
        except ProblemError as problem:
            return _refused(problem)
        document, outcome = orjson.loads(decided.body), decided.outcome
        may_go_on = outcome.rank <= Outcome.WARN.rank
        short = {name: document[name] for name in ("decision_id", "outcome", "indeterminate", "messages", "remedy")}
        response = json_response(short, status=200 if may_go_on else 403)
        response.headers[DECISION] = document["decision_id"]
        response.headers[OUTCOME] = outcome
        return response

    def _asked(self, request: web.Request) -> CheckRequest:
        given = {name: request.headers.get(getattr(self.names, name), "").strip() for name in HeaderNames.__slots__}
        subject = {"role": given["role"] or "applicant", "id": given["subject"] or None}
        # Header values are Latin-1 to HTTP; a name in Chinese is percent-encoded UTF-8.
        subject["name"] = unquote(given["name"]) or None
        form = {
            "scene": given["scene"],
            "transaction_id": given["transaction"] or f"authz-{uuid4().hex}",
            "operator": given["operator"] or None,
            "purpose": unquote(given["purpose"]) or None,
            "subjects": [subject],
        }
        return check_request_from(orjson.dumps(form))


def _refused(problem: ProblemError) -> web.Response:
    """A subject that cannot be told is stopped; whatever else is wrong is the proxy's setting, and no decision."""
    status = PROBLEMS[problem.code].status
    if problem.code in _OF_THE_SUBJECT:
        status = 403
    elif problem.code in _TOO_MUCH:
        status = 503
    else:
        status = max(500, status)
        _log.error("authz_unusable", code=problem.code, path=problem.more.get("path"))
    response = serialise(problem, status).response()
    response.headers[PROBLEM] = problem.code
    return response
