"""POST /v1/tickets/verify: does a clearance still hold, at the moment of the commit."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from uuid import uuid4

import orjson
from aiohttp import web
from msgspec import Meta, Struct

from gateway.audit.buffer import AuditBuffer
from gateway.data_freshness import DataFreshness, as_of
from gateway.metrics import TICKETS_VERIFIED
from gateway.overload.concurrency_limit import ConcurrencyLimit
from gateway.overload.rate_limit import RateLimiter
from gateway.policy_store import PolicyStore
from gateway.tickets.signer import Clearance, TicketSigner, seen, why_void
from gateway.web.auth import Authenticator
from gateway.web.json_body import parse_json_as
from gateway.web.problems import ProblemError
from gateway.web.request_body import read_body
from gateway.web.responses import json_response
from rules.calendar import civil_day, from_milliseconds, rfc3339, to_milliseconds
from rules.identity.subject import SubjectKeys
from rules.vocabulary import LockScope
from store.ledger.decisions import DecisionEntry
from store.platforms.clients import Client
from store.register.reader import LookUp
from store.replica.reader import ReplicaReader

_Line = Annotated[str, Meta(min_length=1, max_length=128)]


class VerifyRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """The ticket, and what it is shown for."""

    ticket: Annotated[str, Meta(min_length=1, max_length=65_536)]
    scene: _Line
    transaction_id: _Line


@dataclass(frozen=True, slots=True)
class TicketHandler:
    """Verifies tickets; one look-up each."""

    access: Authenticator
    tickets: TicketSigner
    reader: ReplicaReader
    keys: SubjectKeys
    policy_store: PolicyStore
    audit: AuditBuffer
    freshness: DataFreshness
    limits: RateLimiter
    gate: ConcurrencyLimit
    clock: Callable[[], datetime]

    async def verify(self, request: web.Request) -> web.Response:
        """Whether the ticket holds now, and why not. Raises ``RegisterUnavailableError``: not knowing is no answer."""
        client = await self.access.client_of(request)
        body = await read_body(request)
        self.limits.take(client)
        with self.gate:
            return await self._answer(client, parse_json_as(VerifyRequest, body))

    async def _answer(self, client: Client, asked: VerifyRequest) -> web.Response:
        clearance = self.tickets.read(asked.ticket)
        if clearance is None or not self._is_for(clearance, client, asked):
            raise ProblemError("ticket_invalid", path="$.ticket")
        now = self.clock()
        targets = [clearance.transaction, *([clearance.account] if clearance.account else [])]
        keys = [key for party in clearance.seen for key in (party.subject_key, party.name_key) if key]
        found = await self.reader.look_up(keys, targets)
        reason = await self._reason(clearance, client, found, now)
        TICKETS_VERIFIED.labels(reason or "holds").inc()
        self.audit.put(_entry(clearance, asked, reason, now))
        return json_response(
            {
                "holds": reason is None,
                "reason": reason,
                "decision_id": clearance.decision,
                "expires_at": rfc3339(from_milliseconds(clearance.expires)),
                "as_of": as_of(found.state, now),
            }
        )

    def _is_for(self, clearance: Clearance, client: Client, asked: VerifyRequest) -> bool:
        target = self.keys.lock_target(client.id, LockScope.TRANSACTION, asked.transaction_id)
        return (clearance.client, clearance.scene, clearance.transaction) == (client.id, asked.scene, target)

    async def _reason(self, clearance: Clearance, client: Client, found: LookUp, now: datetime) -> str | None:
        policy = self.policy_store.current
        scene = policy.pack.scenes.get(clearance.scene)
        if clearance.expires < to_milliseconds(now):
            return "expired"
        if scene is None:
            return "policy_changed"
        await self.freshness.look_again(scene)
        for unknown in self.freshness.about(scene, found.state, None):
            return unknown.code
        party_keys = [(party.subject_key, party.name_key) for party in clearance.seen]
        today = civil_day(now)
        now_seen = seen(party_keys, found, client.grants.classes, today)
        return why_void(clearance, now_seen, found, policy, today)


def _entry(clearance: Clearance, asked: VerifyRequest, reason: str | None, now: datetime) -> DecisionEntry:
    """Who looked again, why and when: as the check that the ticket came from."""
    return DecisionEntry(
        id=f"dec_{uuid4().hex}",
        decided_at=to_milliseconds(now),
        client=clearance.client,
        operator=clearance.operator,
        purpose=clearance.purpose,
        scene=clearance.scene,
        transaction_id=asked.transaction_id,
        outcome="ticket_void" if reason else "ticket_holds",
        detail=orjson.dumps({"ticket_of": clearance.decision, "reason": reason}),
    )
