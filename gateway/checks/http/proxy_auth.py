"""GET /v1/authz, for nginx ``auth_request`` and Envoy ``ext_authz``: a check made of headers.

200 lets the request pass, 403 stops it, 5xx says that nothing was decided. The two proxies understand no other status,
so that a client over its rate is answered 503 too.
"""

from dataclasses import dataclass
from urllib.parse import unquote
from uuid import uuid4

import orjson
import structlog
from aiohttp import web

from config.settings import Settings
from gateway.checks.service import CheckService
from gateway.web.auth import Authenticator
from gateway.web.problems import ProblemError, serialise
from gateway.web.responses import json_response
from rules.vocabulary import Outcome

DECISION = "X-CreditGate-Decision"
OUTCOME = "X-CreditGate-Outcome"
PROBLEM = "X-CreditGate-Problem"
_OVERLOAD_CODES = ("rate_limited", "overloaded")
"""Answered 503, since a proxy knows no 429; counted, and not logged one by one."""
_SUBJECT_CODES = ("identifier_invalid", "subject_unidentified")
_log = structlog.get_logger("gateway.authz")


@dataclass(frozen=True, slots=True)
class HeaderNames:
    """The headers in which the proxy describes the check."""

    scene: str
    subject: str
    name: str
    role: str
    transaction: str
    operator: str
    purpose: str

    @classmethod
    def of(cls, settings: Settings) -> "HeaderNames":
        """The names in the settings."""
        return cls(**{name: getattr(settings, f"authz_{name}_header") for name in cls.__slots__})


@dataclass(frozen=True, slots=True)
class ProxyAuthHandler:
    """Answers proxies."""

    authenticator: Authenticator
    service: CheckService
    names: HeaderNames

    async def any(self, request: web.Request) -> web.Response:
        """Decide from headers, whatever the method and the rest of the path."""
        try:
            self.service.admission.require_capacity()
            client = await self.authenticator.client_of(request)
            result = await self.service.check(client, self._check_body(request))
        except ProblemError as problem:
            return _refused(problem)
        document, outcome = orjson.loads(result.body), result.outcome
        passes = outcome.rank <= Outcome.WARN.rank
        short = {name: document[name] for name in ("decision_id", "outcome", "indeterminate", "messages", "remedy")}
        response = json_response(short, status=200 if passes else 403)
        response.headers[DECISION] = document["decision_id"]
        response.headers[OUTCOME] = outcome
        return response

    def _check_body(self, request: web.Request) -> bytes:
        """The check that the headers describe, in the form of ``POST /v1/checks``."""
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
        return orjson.dumps(form)


def _refused(problem: ProblemError) -> web.Response:
    """Stop a subject that is not identified; any other fault is the proxy's configuration, and no decision."""
    status = problem.status
    if problem.code in _SUBJECT_CODES:
        status = 403
    elif problem.code in _OVERLOAD_CODES:
        status = 503
    else:
        status = max(500, status)
        _log.error("authz_unusable", code=problem.code, path=problem.more.get("path"))
    response = serialise(problem, status).response()
    response.headers[PROBLEM] = problem.code
    return response
