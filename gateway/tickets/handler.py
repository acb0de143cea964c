"""POST /v1/tickets/verify: whether a clearance still holds when the transaction is committed."""

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
from gateway.overload.admission_control import AdmissionControl
from gateway.policy_store import PolicyStore
from gateway.tickets.signer import Clearance, TicketSigner, party_snapshots, void_reason
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

_ShortText = Annotated[str, Meta(min_length=1, max_length=128)]


class VerifyRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """The ticket, and the transaction it is presented for."""

    ticket: Annotated[str, Meta(min_length=1, max_length=65_536)]
    scene: _ShortText
    transaction_id: _ShortText


@dataclass(frozen=True, slots=True)
class TicketHandler:
    """Verifies tickets, with one look-up each."""

    authenticator: Authenticator
    tickets: TicketSigner
    reader: ReplicaReader
    keys: SubjectKeys
    policy_store: PolicyStore
    audit: AuditBuffer
    freshness: DataFreshness
    admission: AdmissionControl
    clock: Callable[[], datetime]

    async def verify(self, request: web.Request) -> web.Response:
        """Whether the ticket holds now, else the reason.

        Raises ``ProblemError``, and ``RegisterUnavailableError``: without the register there is no answer.
        """
        self.admission.require_capacity()
        client = await self.authenticator.client_of(request)
        body = await read_body(request)
        self.admission.take_tokens(client)
        with self.admission.concurrency_limit:
            return await self._answer(client, parse_json_as(VerifyRequest, body))

    async def _answer(self, client: Client, request: VerifyRequest) -> web.Response:
        clearance = self.tickets.read(request.ticket)
        if clearance is None or not self._is_for(clearance, client, request):
            raise ProblemError("ticket_invalid", path="$.ticket")
        now = self.clock()
        targets = [clearance.transaction, *([clearance.account] if clearance.account else [])]
        keys = [key for party in clearance.seen for key in (party.subject_key, party.name_key) if key]
        found = await self.reader.look_up(keys, targets)
        reason = await self._reason(clearance, client, found, now)
        TICKETS_VERIFIED.labels(reason or "holds").inc()
        self.audit.put(_entry(clearance, request, reason, now))
        return json_response(
            {
                "holds": reason is None,
                "reason": reason,
                "decision_id": clearance.decision,
                "expires_at": rfc3339(from_milliseconds(clearance.expires)),
                "as_of": as_of(found.state, now),
            }
        )

    def _is_for(self, clearance: Clearance, client: Client, request: VerifyRequest) -> bool:
        target = self.keys.lock_target(client.id, LockScope.TRANSACTION, request.transaction_id)
        return (clearance.client, clearance.scene, clearance.transaction) == (client.id, request.scene, target)

    async def _reason(self, clearance: Clearance, client: Client, found: LookUp, now: datetime) -> str | None:
        policy = self.policy_store.current
        scene = policy.pack.scenes.get(clearance.scene)
        if clearance.expires < to_milliseconds(now):
            return "expired"
        if scene is None:
            return "policy_changed"
        await self.freshness.refresh_if_unreliable(scene)
        for unknown in self.freshness.unknowns(scene, found.state, None):
            return unknown.code
        party_keys = [(party.subject_key, party.name_key) for party in clearance.seen]
        today = civil_day(now)
        snapshots = party_snapshots(party_keys, found, client.grants.classes, today)
        return void_reason(clearance, snapshots, found, policy, today)


def _entry(clearance: Clearance, request: VerifyRequest, reason: str | None, now: datetime) -> DecisionEntry:
    """The entry of a verification, with the operator and purpose of the check that issued the ticket."""
    return DecisionEntry(
        id=f"dec_{uuid4().hex}",
        decided_at=to_milliseconds(now),
        client=clearance.client,
        operator=clearance.operator,
        purpose=clearance.purpose,
        scene=clearance.scene,
        transaction_id=request.transaction_id,
        outcome="ticket_void" if reason else "ticket_holds",
        detail=orjson.dumps({"ticket_of": clearance.decision, "reason": reason}),
    )
