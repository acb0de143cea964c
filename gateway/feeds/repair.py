"""GET /v1/listings/{listing}/repair: may the listing be repaired, by both measures, with reasons.

The answer is information; a repair is granted by the authority alone.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

import msgspec
import orjson
from aiohttp import web

from gateway.audit.buffer import AuditBuffer
from gateway.web.auth import Authenticator
from gateway.web.json_body import FieldFault
from gateway.web.problems import ProblemError
from gateway.web.responses import json_response
from rules.calendar import civil_day, to_milliseconds
from rules.listings.listing import decode_listing
from rules.repair.answer import repair_answer
from rules.repair.case import Regime, RepairAnswer, StatedFacts
from rules.working_days import WorkingDays
from store.ledger.decisions import DecisionEntry
from store.ledger.listing_queries import ListingQueries
from store.ledger.repair_cases import repair_case
from store.platforms.clients import Client

_SCENE = "repair.eligibility"
_MAX_STATED_CHARS = 256


@dataclass(frozen=True, slots=True)
class RepairHandler:
    """Answers whether a listing may be repaired."""

    authenticator: Authenticator
    listings: ListingQueries
    working_days: WorkingDays
    regime: Regime
    audit_buffer: AuditBuffer
    clock: Callable[[], datetime]

    async def get(self, request: web.Request) -> web.Response:
        """The answer for one listing today. The query holds facts that subject and authority state."""
        client = await self.authenticator.client_of(request)
        query = dict(request.query)
        operator = _stated(query.pop("operator", None) or client.grants.operator, "operator_missing")
        purpose = _stated(query.pop("purpose", None) or client.grants.purpose, "purpose_missing")
        facts = _facts(query)
        row = await self.listings.find(request.match_info["listing"])
        if row is None:
            raise ProblemError("listing_unknown")
        if not _is_visible(client, row.authority, row.listing):
            raise ProblemError("listing_not_granted")
        case = await repair_case(self.listings, self.working_days, row, facts)
        if case is None:
            raise ProblemError("listing_unknown")
        now = self.clock()
        answer = repair_answer(case, regime=self.regime, today=civil_day(now))
        self.audit_buffer.put(_entry(client, operator, purpose, row.key, answer, to_milliseconds(now)))
        document = {"listing": row.key, "state": row.state} | answer.as_dict()
        return json_response(document)


def _stated(text: str | None, code: str) -> str:
    text = (text or "").strip()
    if not text:
        raise ProblemError(code, path=code.removesuffix("_missing"))
    if len(text) > _MAX_STATED_CHARS or not text.isprintable():
        raise ProblemError("request_invalid", path=code.removesuffix("_missing"))
    return text


def _facts(query: dict[str, str]) -> StatedFacts:
    unknown = query.keys() - set(StatedFacts.__struct_fields__)
    if unknown:
        names = ", ".join(StatedFacts.__struct_fields__)
        raise ProblemError("request_invalid", f"facts that can be stated: {names}", path="query")
    try:
        return msgspec.convert(query, StatedFacts, strict=False)
    except msgspec.ValidationError as error:
        fault = FieldFault.of(error)
        raise ProblemError("request_invalid", fault.detail, path=fault.path.removeprefix("$.") or "query") from None


def _is_visible(client: Client, authority: str, listing: bytes | None) -> bool:
    if authority in client.grants.feeds:
        return True
    return listing is not None and decode_listing(listing).data_class in client.grants.classes


def _entry(client: Client, operator: str, purpose: str, key: str, answer: RepairAnswer, now: int) -> DecisionEntry:
    """The audit entry of the query: its operator, purpose and time."""
    return DecisionEntry(
        id=f"dec_{uuid4().hex}",
        decided_at=now,
        client=client.id,
        operator=operator,
        purpose=purpose,
        scene=_SCENE,
        transaction_id=key,
        outcome=answer.eligible.value,
        detail=orjson.dumps({"regime": answer.regime, "governing": answer.governing, "conflict": answer.conflict}),
    )
