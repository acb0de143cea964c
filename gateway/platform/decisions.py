"""/v1/decisions: read a decision, report what was done about it, list those whose feedback is overdue."""

import asyncio
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

import orjson
from aiohttp import web
from msgspec import Meta, Struct

from gateway.web.auth import Authenticator
from gateway.web.json_body import ShortLine, parse_json_as
from gateway.web.officer_reason import operator_of
from gateway.web.problems import ProblemError
from gateway.web.request_body import read_body
from gateway.web.responses import cursor_position, json_response, next_cursor, page_size
from rules.calendar import from_milliseconds, rfc3339, to_milliseconds
from store.ledger.decisions import DecisionRow, DecisionStore
from store.platforms.clients import Client
from store.platforms.feedback import AwaitedDecision, FeedbackExistsError, FeedbackRow, FeedbackStore, Report

_FIND_ATTEMPTS = 4
_FIND_PAUSE_S = 0.15
"""A decision that was just made reaches the ledger within about half a second."""
_DECISION_ID = re.compile(r"dec_[0-9a-f]{32}")
_Text = Annotated[str, Meta(min_length=2, max_length=2000, pattern=r"^[^\x00]*$")]


class FeedbackRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """What the platform did: the measures carried out, or why none were and who approved that."""

    carried_out: bool
    measures: Annotated[tuple[ShortLine, ...], Meta(max_length=50)] = ()
    reason: _Text | None = None
    approved_by: ShortLine | None = None
    document_no: ShortLine | None = None
    operator: ShortLine | None = None
    corrects: ShortLine | None = None
    """The id of the feedback that this one corrects."""


@dataclass(frozen=True, slots=True)
class DecisionHandlers:
    """Decisions of the calling client, and feedback on them."""

    authenticator: Authenticator
    decisions: DecisionStore
    feedback: FeedbackStore
    clock: Callable[[], datetime]

    async def get(self, request: web.Request) -> web.Response:
        """One decision in full, to the client that asked for it."""
        client = await self.authenticator.client_of(request)
        row, detail = await self._own(request, client)
        reports = await self.feedback.of(row.id)
        due = row.feedback_due
        return json_response(
            {
                "decision": detail["answer"],
                "client": row.client,
                "operator": row.operator,
                "purpose": row.purpose,
                "account_id": detail["account_id"],
                "decided_at": rfc3339(from_milliseconds(row.decided_at)),
                "feedback": [_feedback(item) for item in reports],
                "feedback_overdue": due is not None and not reports and due < to_milliseconds(self.clock()),
            }
        )

    async def get_overdue(self, request: web.Request) -> web.Response:
        """Decisions whose feedback is overdue: the client's own, or all for one that may inspect."""
        client = await self.authenticator.client_of(request)
        if request.query.get("feedback") != "overdue":
            raise ProblemError("request_invalid", "feedback: overdue", path="feedback")
        limit, position = page_size(request.query), cursor_position(request.query, int, str)
        owner = None if client.grants.inspect else client.id
        rows = await self.feedback.waiting(owner, to_milliseconds(self.clock()), position, limit)
        following = next_cursor(rows, limit, rows[-1].feedback_due, rows[-1].id) if rows else None
        return json_response({"decisions": [_overdue(row) for row in rows], "next": following})

    async def post_feedback(self, request: web.Request) -> web.Response:
        """Report what was done, once, or correct an earlier report; the ledger keeps both."""
        client = await self.authenticator.client_of(request)
        form = parse_json_as(FeedbackRequest, await read_body(request))
        row, detail = await self._own(request, client)
        required = {measure["code"] for measure in detail["answer"]["measures"]}
        not_required = sorted(set(form.measures) - required)
        if not_required:
            raise ProblemError("measure_not_asked", ", ".join(not_required), path="$.measures")
        if not form.carried_out and not ((form.reason or "").strip() and (form.approved_by or "").strip()):
            raise ProblemError("feedback_incomplete", path="$.reason" if not form.reason else "$.approved_by")
        operator = operator_of(form.operator, client)
        names = ("carried_out", "measures", "reason", "approved_by", "document_no", "corrects")
        report = Report(client.id, operator, **{name: getattr(form, name) for name in names})
        try:
            feedback = await self.feedback.give(row.id, report, to_milliseconds(self.clock()))
        except FeedbackExistsError as error:
            raise ProblemError("feedback_given", f"standing: {error.last_id or 'none'}") from None
        return json_response(_feedback(feedback), status=201)

    async def _own(self, request: web.Request, client: Client) -> tuple[DecisionRow, dict[str, Any]]:
        """A decision of the client, and its detail. Waits a little for one that is not in the ledger yet.

        Raises ``ProblemError`` (``decision_unknown``).
        """
        for attempt in range(_FIND_ATTEMPTS):
            row = await self.decisions.find(request.match_info["decision"])
            if row is not None or not _DECISION_ID.fullmatch(request.match_info["decision"]):
                break
            await asyncio.sleep(_FIND_PAUSE_S * (attempt < _FIND_ATTEMPTS - 1))
        detail = orjson.loads(row.detail) if row is not None else {}
        if row is None or row.client != client.id or "answer" not in detail:
            raise ProblemError("decision_unknown")
        return row, detail


def _feedback(row: FeedbackRow) -> dict[str, Any]:
    names = ("id", "operator", "carried_out", "reason", "approved_by", "document_no", "corrects")
    measures: Sequence[str] = orjson.loads(row.measures)
    given_at = rfc3339(from_milliseconds(row.given_at))
    return {name: getattr(row, name) for name in names} | {"measures": measures, "given_at": given_at}


def _overdue(row: AwaitedDecision) -> dict[str, Any]:
    return {
        "decision_id": row.id,
        "client": row.client,
        "scene": row.scene,
        "transaction_id": row.transaction_id,
        "outcome": row.outcome,
        "decided_at": rfc3339(from_milliseconds(row.decided_at)),
        "feedback_due": rfc3339(from_milliseconds(row.feedback_due)),
    }
