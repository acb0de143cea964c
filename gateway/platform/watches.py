"""/v1/watches: the subjects that a platform watches; it receives an event when one is listed or removed."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any
from uuid import uuid4

import orjson
from aiohttp import web
from msgspec import Meta, Struct

from gateway.audit.buffer import AuditBuffer
from gateway.checks.request import identifier_problem
from gateway.overload.admission_control import AdmissionControl
from gateway.web.auth import Authenticator
from gateway.web.json_body import PRINTABLE, ShortLine, parse_json_as
from gateway.web.officer_reason import operator_of
from gateway.web.problems import ProblemError
from gateway.web.request_body import read_body
from gateway.web.responses import cursor_position, json_response, next_cursor, page_size
from rules.calendar import civil_day, from_milliseconds, rfc3339, to_milliseconds
from rules.identity.identifiers import Identifier, InvalidIdentifierError, parse_identifier
from rules.identity.subject import SubjectKeys
from store.ledger.decisions import DecisionEntry
from store.platforms.clients import Client
from store.platforms.watches import WatchStore

_MAX_WATCHES = 1000
"""Of one request, and as many removals."""
_SCENE = "watch"


class WatchRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """One subject: its number, and the platform's own reference, which events repeat."""

    reference: ShortLine
    id: Annotated[str, Meta(min_length=1, max_length=64)]
    id_type: str | None = None


class WatchesRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Watches to set, references to remove, and operator and purpose unless the registration fixes them."""

    watches: Annotated[tuple[WatchRequest, ...], Meta(max_length=_MAX_WATCHES)] = ()
    remove: Annotated[tuple[ShortLine, ...], Meta(max_length=_MAX_WATCHES)] = ()
    operator: ShortLine | None = None
    purpose: Annotated[str, Meta(max_length=256, pattern=PRINTABLE)] | None = None


@dataclass(frozen=True, slots=True)
class WatchHandlers:
    """Sets and shows watches. Of a number only its keyed hash is stored."""

    authenticator: Authenticator
    watch_store: WatchStore
    subject_keys: SubjectKeys
    audit_buffer: AuditBuffer
    admission_control: AdmissionControl
    clock: Callable[[], datetime]

    async def put(self, request: web.Request) -> web.Response:
        """Set watches and remove others; an invalid number is refused by itself."""
        client = await self.authenticator.client_of(request)
        form = parse_json_as(WatchesRequest, await read_body(request))
        self.admission_control.take_tokens(client, max(1, len(form.watches) + len(form.remove)))
        operator = operator_of(form.operator, client)
        purpose = (form.purpose or client.grants.purpose or "").strip()
        if not purpose:
            raise ProblemError("purpose_missing", path="$.purpose")
        now = self.clock()
        wanted, refused = self._wanted(form, civil_day(now))
        counts = await self.watch_store.put(client.id, wanted, form.remove, to_milliseconds(now))
        self.audit_buffer.put(_entry(client, operator, purpose, counts, now))
        return json_response(counts | {"refused": refused})

    async def get(self, request: web.Request) -> web.Response:
        """A page of the client's references, and how many there are."""
        client = await self.authenticator.client_of(request)
        self.admission_control.take_tokens(client)
        limit, position = page_size(request.query), cursor_position(request.query, str)
        rows = await self.watch_store.page(client.id, position[0] if position else "", limit)
        watches = [{"reference": row.reference, "since": rfc3339(from_milliseconds(row.created_at))} for row in rows]
        following = next_cursor(rows, limit, rows[-1].reference) if rows else None
        return json_response({"watches": watches, "total": await self.watch_store.count(client.id), "next": following})

    def _wanted(self, form: WatchesRequest, today: date) -> tuple[dict[str, str], list[dict[str, Any]]]:
        wanted: dict[str, str] = {}
        refused: list[dict[str, Any]] = []
        for index, watch in enumerate(form.watches):
            try:
                number = parse_identifier(watch.id, watch.id_type, today=today)
                if not isinstance(number, Identifier):
                    raise InvalidIdentifierError("identifier_masked_whole")  # it identifies no subject
            except InvalidIdentifierError as fault:
                problem = identifier_problem(fault, f"$.watches[{index}].id")
                refused.append({"index": index, "reference": watch.reference, "problem": problem.document()})
            else:
                wanted[watch.reference] = self.subject_keys.subject(number.canonical)
        return wanted, refused


def _entry(client: Client, operator: str, purpose: str, counts: dict[str, int], now: datetime) -> DecisionEntry:
    """The audit entry of a change: to watch subjects is a query like any other, with operator, purpose and time."""
    return DecisionEntry(
        id=f"dec_{uuid4().hex}",
        decided_at=to_milliseconds(now),
        client=client.id,
        operator=operator,
        purpose=purpose,
        scene=_SCENE,
        transaction_id=_SCENE,
        outcome="watched",
        detail=orjson.dumps(counts),
    )
