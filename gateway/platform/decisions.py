"""Decisions given back, what was done about them, and those that still wait for a report."""

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
from gateway.web.officer_reason import body_as, operator_of
from gateway.web.problems import ProblemError
from gateway.web.request_body import read_body
from gateway.web.responses import answer_json, cursor_to, page_size, place_in
from rules.calendar import from_milliseconds, rfc3339, to_milliseconds
from store.ledger.decisions import DecisionRow, DecisionStore
from store.platforms.clients import Client
from store.platforms.feedback import AwaitedDecision, FeedbackExistsError, FeedbackRow, FeedbackStore, Report

_LOOKS = 4
_PAUSE = 0.15
_ID = re.compile(r"dec_[0-9a-f]{32}")
_Line = Annotated[str, Meta(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f]*$")]
_Words = Annotated[str, Meta(min_length=2, max_length=2000, pattern=r"^[^\x00]*$")]


class FeedbackRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """What the platform did: measures carried out, or why not and who approved that."""

    carried_out: bool
    measures: Annotated[tuple[_Line, ...], Meta(max_length=50)] = ()
    reason: _Words | None = None
    approved_by: _Line | None = None
    document_no: _Line | None = None
    operator: _Line | None = None
    corrects: _Line | None = None
    """Id of the feedback that this one corrects."""


@dataclass(frozen=True, slots=True)
class DecisionHandlers:
    """Decisions of the client that asked, and feedback on them."""

    access: Authenticator
    decisions: DecisionStore
    feedback: FeedbackStore
    clock: Callable[[], datetime]

    async def get(self, request: web.Request) -> web.Response:
        """One decision in full, to the client that asked it."""
        client = await self.access.client_of(request)
        row, detail = await self._own(request, client)
        given = await self.feedback.of(row.id)
        due = row.feedback_due
        return answer_json(
            {
                "decision": detail["answer"],
                "client": row.client,
                "operator": row.operator,
                "purpose": row.purpose,
                "account_id": detail["account_id"],
                "decided_at": rfc3339(from_milliseconds(row.decided_at)),
                "feedback": [_feedback(item) for item in given],
                "feedback_overdue": due is not None and not given and due < to_milliseconds(self.clock()),
            }
        )

    async def get_overdue(self, request: web.Request) -> web.Response:
        """Decisions whose feedback is overdue: the client's own, or all for one that may inspect."""
        client = await self.access.client_of(request)
        if request.query.get("feedback") != "overdue":
            raise ProblemError("request_invalid", "feedback: overdue", path="feedback")
        limit, place = page_size(request.query), place_in(request.query, int, str)
        owner = None if client.grants.inspect else client.id
        rows = await self.feedback.waiting(owner, to_milliseconds(self.clock()), place, limit)
        following = cursor_to(rows, limit, rows[-1].feedback_due, rows[-1].id) if rows else None
        return answer_json({"decisions": [_overdue(row) for row in rows], "next": following})

    async def post_feedback(self, request: web.Request) -> web.Response:
        """Report what was done, once or corrected; it stays in the ledger."""
        client = await self.access.client_of(request)
        asked = body_as(FeedbackRequest, await read_body(request))
        row, detail = await self._own(request, client)
        known = {measure["code"] for measure in detail["answer"]["measures"]}
        unasked = sorted(set(asked.measures) - known)
        if unasked:
            raise ProblemError("measure_not_asked", ", ".join(unasked), path="$.measures")
        if not asked.carried_out and not ((asked.reason or "").strip() and (asked.approved_by or "").strip()):
            raise ProblemError("feedback_incomplete", path="$.reason" if not asked.reason else "$.approved_by")
        operator = operator_of(asked.operator, client)
        names = ("carried_out", "measures", "reason", "approved_by", "document_no", "corrects")
        report = Report(client.id, operator, **{name: getattr(asked, name) for name in names})
        try:
            given = await self.feedback.give(row.id, report, to_milliseconds(self.clock()))
        except FeedbackExistsError as error:
            raise ProblemError("feedback_given", f"standing: {error.last_id or 'none'}") from None
        return answer_json(_feedback(given), status=201)

    async def _own(self, request: web.Request, client: Client) -> tuple[DecisionRow, dict[str, Any]]:
        """The decision and its detail. One just made may still be on its way to the ledger."""
        for look in range(_LOOKS):
            row = await self.decisions.find(request.match_info["decision"])
            if row is not None or not _ID.fullmatch(request.match_info["decision"]):
                break
            await asyncio.sleep(_PAUSE * (look < _LOOKS - 1))
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
