"""POST /v1/checks: the question, the look-up, the verdict, the ledger, the answer, in that order."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from time import perf_counter
from typing import Any
from uuid import uuid4

import orjson
from aiohttp import web
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from gateway.access import Access
from gateway.audit import Audit
from gateway.check_answer import answer, masked
from gateway.check_request import Check, check_from
from gateway.lock_settlement import lock_targets, settle_locks
from gateway.metrics import CHECK_SECONDS, CHECKS, LOCKS_HELD
from gateway.problems import Problem
from register.clients import Client
from register.decisions import DecisionEntry
from register.locks import Lock, LockBook, LockRequest
from register.register_reader import LookUp, RegisterReader
from rules.calendar import civil_day, to_milliseconds
from rules.decision import Match, Party, Verdict, decide, matches_of
from rules.departments import Departments
from rules.identifiers import Identifier
from rules.names import normalise_name
from rules.policy import Policy
from rules.subject import SubjectKeys
from rules.vocabulary import Outcome


@dataclass(frozen=True, slots=True)
class CheckHandler:
    """Answers checks. ``clock`` gives the moment, with its zone."""

    access: Access
    reader: RegisterReader
    locks: LockBook
    audit: Audit
    keys: SubjectKeys
    policy: Policy
    departments: Departments
    clock: Callable[[], datetime]

    async def post(self, request: web.Request) -> web.Response:
        """Answer one check over HTTP."""
        started = perf_counter()
        client = await self.access.client_of(request)
        now = self.clock()
        check = check_from(await request.read(), client, self.policy, civil_day(now))
        document = await self._decide(client, check, now)
        CHECKS.labels(check.scene, document["outcome"]).inc()
        CHECK_SECONDS.labels(check.scene).observe(perf_counter() - started)
        return web.Response(body=orjson.dumps(document), headers=_HEADERS)

    async def _decide(self, client: Client, check: Check, now: datetime) -> dict[str, Any]:
        party_keys = [self._keys_of(party) for party in check.parties]
        targets = lock_targets(self.keys, client.id, check)
        asked = [key for keys in party_keys for key in keys if key]
        found = await self.reader.look_up(asked, list(targets.values()))
        verdict = decide(
            self.policy,
            check.scene,
            [(party, _matches(party, keys, found)) for party, keys in zip(check.parties, party_keys, strict=True)],
            visible=client.grants.classes,
            today=civil_day(now),
        )
        decision_id = f"dec_{uuid4().hex}"
        verdict, held, wanted = await settle_locks(self.locks, verdict, targets, found.locks, check)
        entry = self._entry(decision_id, client, check, verdict, party_keys, found, now)
        held += await self._put_on_record(entry, verdict, wanted)
        return answer(
            decision_id,
            check,
            verdict,
            list({lock.id: lock for lock in held}.values()),
            policy=self.policy,
            departments=self.departments,
            state=found.state,
            now=now,
        )

    def _keys_of(self, party: Party) -> tuple[str | None, str | None]:
        """Where this party may be filed: under its number, and under its name."""
        number = self.keys.subject(party.number.canonical) if isinstance(party.number, Identifier) else None
        return number, self.keys.name(normalise_name(party.name)) if party.name else None

    async def _put_on_record(self, entry: DecisionEntry, verdict: Verdict, wanted: list[LockRequest]) -> list[Lock]:
        """Locks and intercepts are in the ledger before the answer goes out; the rest follows at once."""
        if verdict.outcome.rank < Outcome.LOCK.rank and not wanted:
            self.audit.put(entry)
            return []
        try:
            held = await self.locks.decide_and_hold(entry, wanted)
        except (SQLAlchemyError, RedisError, OSError) as error:
            raise Problem("ledger_unavailable") from error
        for lock in held:
            if lock.decision_id == entry.id:
                LOCKS_HELD.labels(entry.scene, lock.scope).inc()
        return held

    def _entry(
        self,
        decision_id: str,
        client: Client,
        check: Check,
        verdict: Verdict,
        party_keys: list[tuple[str | None, str | None]],
        found: LookUp,
        now: datetime,
    ) -> DecisionEntry:
        detail = {
            "subjects": [
                {
                    "role": party.party.role,
                    "subject_key": keys[0],
                    "name_key": keys[1],
                    "masked_id": masked(party.party),
                    "outcome": party.outcome,
                    "listings": [listing.key for listing in party.listings],
                }
                for party, keys in zip(verdict.parties, party_keys, strict=True)
            ],
            "account_id": check.account_id,
            "rules": verdict.rules,
            "measures": verdict.measures,
            "policy": {
                "pack": self.policy.pack.pack,
                "version": self.policy.pack.version,
                "digest": self.policy.digest,
            },
            "as_of": {"epoch": found.state.epoch, "sequence": found.state.sequence},
        }
        return DecisionEntry(
            id=decision_id,
            decided_at=to_milliseconds(now),
            client=client.id,
            operator=check.operator,
            purpose=check.purpose,
            scene=check.scene,
            transaction_id=check.transaction_id,
            outcome=verdict.outcome.value,
            detail=orjson.dumps(detail),
        )


_HEADERS = {"Content-Type": "application/json", "Cache-Control": "no-store"}


def _matches(party: Party, keys: tuple[str | None, str | None], found: LookUp) -> list[Match]:
    by_number, by_name = (found.listings.get(key, []) if key else [] for key in keys)
    return matches_of(party, by_number, by_name)
