"""From checks to decisions: look up, doubt, decide, lock, put on record. Knows nothing of HTTP.

checks ─▶ one look-up ─▶ each: matches ─▶ verdict ─▶ doubts ─▶ locks ─▶ ledger ─▶ answer
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from time import monotonic
from typing import NamedTuple

import orjson
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from gateway.audit.buffer import AuditBuffer
from gateway.checks.audit_entry import decision_entry
from gateway.checks.fast_allow_response import DecisionIds
from gateway.checks.lock_planner import LockPlan, held_locks, settle_locks
from gateway.checks.lookup_keys import LookupKeys, PartyKeys
from gateway.checks.request import Check
from gateway.checks.response import DecisionContext, answer
from gateway.data_freshness import DataFreshness
from gateway.metrics import INDETERMINATE, LOCKS_HELD, SHADOW_RULES
from gateway.policy_store import PolicyStore
from gateway.tickets.signer import Clearance, TicketSigner, expiry, seen
from gateway.web.problems import ProblemError
from rules.calendar import civil_day, end_of_day, to_milliseconds
from rules.policy.decision import Match, Party, Verdict, decide, matches_of, visible_matches
from rules.policy.pack import Policy
from rules.policy.unknown import Unknown, under_doubt
from rules.records.departments import Departments
from rules.vocabulary import LockScope, Outcome
from rules.working_days import WorkingDays
from store.ledger.decisions import DecisionEntry
from store.locks.rows import Lock, LockSupportLostError, LockTerms
from store.locks.store import LockStore
from store.platforms.clients import Client
from store.register.reader import LookUp, RegisterUnavailableError
from store.replica.reader import ReplicaReader
from store.replica.replica import Replica

_OLDEST = 1.0
"""Seconds for which a look-up serves the checks of a batch."""
_RETRIES = 4
"""Times that a decision is made again because what it rested on fell while it was made."""


class DecisionResult(NamedTuple):
    """An answer: its outcome, and itself as it goes out."""

    outcome: Outcome
    body: bytes


@dataclass(frozen=True, slots=True)
class DecisionService:
    """Answers checks. ``clock`` gives the moment, with its zone."""

    reader: ReplicaReader
    replica: Replica
    locks: LockStore
    audit: AuditBuffer
    policy_store: PolicyStore
    departments: Departments
    freshness: DataFreshness
    tickets: TicketSigner
    working_days: WorkingDays
    clock: Callable[[], datetime]
    ids: DecisionIds = field(default_factory=DecisionIds)

    async def answer(self, client: Client, question: LookupKeys) -> DecisionResult:
        """Answer one check. Raises ``ProblemError``."""
        (found,) = await self.answer_all(client, [question])
        if isinstance(found, ProblemError):
            raise found
        return found

    async def answer_all(self, client: Client, questions: Sequence[LookupKeys]) -> list[DecisionResult | ProblemError]:
        """Answer checks in their order from one look-up; what fails harms no other."""
        answers: list[DecisionResult | ProblemError] = []
        met, looked = set[str](), -_OLDEST
        for place, question in enumerate(questions):
            targets = set(question.targets.values())
            if monotonic() - looked >= _OLDEST or not met.isdisjoint(targets):
                # A check before it may have locked the same; and what was read a while ago may not hold any more.
                looked, met = monotonic(), set()
                found, unreadable = await self._look_up(questions[place:])
            met |= targets
            try:
                answers.append(await self._decide(client, question, found, unreadable))
            except ProblemError as problem:
                answers.append(problem)
            except (SQLAlchemyError, RedisError, OSError):
                answers.append(ProblemError("ledger_unavailable"))
        return answers

    async def _look_up(
        self, questions: Sequence[LookupKeys], *, bypass_cache: bool = False
    ) -> tuple[LookUp | None, tuple[Unknown, ...]]:
        """What the register shows, or why it could not be read."""
        keys = dict.fromkeys(key for question in questions for key in question.keys)
        targets = dict.fromkeys(target for question in questions for target in question.targets.values())
        try:
            fresh = any(question.check.max_staleness_ms is not None for question in questions)
            return await self.reader.look_up(
                list(keys), list(targets), bypass_replica=fresh, bypass_cache=bypass_cache
            ), ()
        except RegisterUnavailableError as error:
            return None, (Unknown(error.code),)

    async def _decide(
        self, client: Client, question: LookupKeys, found: LookUp | None, unreadable: tuple[Unknown, ...]
    ) -> DecisionResult:
        policy, now = self.policy_store.current, self.clock()
        check, scene = question.check, policy.pack.scenes.get(question.check.scene)
        if scene is None:
            raise ProblemError("scene_unknown", path="$.scene")  # the policy was swapped since it was read
        shown = None
        unknown, state = unreadable, None
        if found is not None:
            await self.freshness.look_again(scene)
            shown = {t: found.locks[t] for t in question.targets.values() if t in found.locks}
            unknown, state = self.freshness.about(scene, found.state, check.max_staleness_ms), found.state
        fell: frozenset[str] = frozenset()

        def judged(without: frozenset[str]) -> Verdict:
            verdict = self._verdict(client, question, found, policy, now, fell | without)
            return under_doubt(verdict, scene) if unknown else verdict

        for _ in range(_RETRIES):
            held = await held_locks(self.locks, question.targets, shown, to_milliseconds(now), certain=not unknown)
            verdict = judged(frozenset())
            if found is not None and found.from_cache and verdict.outcome.rank >= Outcome.LOCK.rank:
                # Nobody is stopped by what was read a while ago.
                return await self._decide(client, question, *await self._look_up([question], bypass_cache=True))
            settled = await settle_locks(self.locks, verdict, question.targets, held, check, judged)
            counted = (listing.authority for party in settled.verdict.parties for listing in party.listings)
            answered = DecisionContext(
                self.ids.next(),
                check,
                settled.verdict,
                verdict.outcome,
                held,
                unknown,
                state,
                now,
                feedback_due=self._due(policy, check, settled.verdict, now),
                watermarks=self.freshness.watermarks(counted),
            )
            if found is not None and check.ticket:
                answered = replace(answered, ticket=self._ticket(client, question, found, answered, policy))
            try:
                return await self._put_on_record(client, question, answered, settled, policy)
            except LockSupportLostError as gone:
                fell |= gone.keys
        raise ProblemError("ledger_unavailable")

    def _verdict(
        self,
        client: Client,
        question: LookupKeys,
        found: LookUp | None,
        policy: Policy,
        now: datetime,
        fell: frozenset[str],
    ) -> Verdict:
        today = civil_day(now)
        judged = []
        for party, keys in zip(question.check.parties, question.party_keys, strict=True):
            matches = _matches(party, keys, found) if found is not None else []
            matches = [match for match in matches if match.listing.key not in fell]
            judged.append((party.standing, visible_matches(matches, client.grants.classes, today)))
        return decide(policy, question.check.transaction, judged, today)

    async def _put_on_record(
        self, client: Client, question: LookupKeys, answered: DecisionContext, settled: LockPlan, policy: Policy
    ) -> DecisionResult:
        """Locks and intercepts are in the ledger before the answer goes out; the rest follows at once.

        Raises ``LockSupportLostError`` with nothing written, ``ProblemError``, and what the ledger raises.
        """
        bodies: list[bytes] = []

        def entry_with(locks: Sequence[Lock]) -> DecisionEntry:
            together = {lock.id: lock for lock in (*answered.locks, *locks)}
            whole = replace(answered, locks=list(together.values())) if locks else answered
            document = answer(whole, policy, self.departments)
            bodies.append(orjson.dumps(document))
            return decision_entry(client, whole, question.party_keys, document)

        if settled.verdict.outcome.rank < Outcome.LOCK.rank and not settled.wanted:
            self.audit.put(entry_with(()))
        else:
            terms = self._terms(client, question, answered, policy)
            for lock in await self.locks.decide_and_hold(entry_with, settled.wanted, terms):
                self.replica.add_lock(lock.target_key)
                if lock.decision_id == answered.decision_id:
                    LOCKS_HELD.labels(lock.scene, lock.scope).inc()
        _count(answered)
        return DecisionResult(settled.verdict.outcome, bodies[-1])

    def _terms(self, client: Client, question: LookupKeys, answered: DecisionContext, policy: Policy) -> LockTerms:
        check, scene = answered.check, policy.pack.scenes[answered.check.scene]
        today = civil_day(answered.now)
        due = self.working_days.after(today, scene.feedback_working_days).day
        return LockTerms(
            client.id,
            check.operator,
            check.scene,
            answered.decision_id,
            to_milliseconds(answered.now),
            to_milliseconds(end_of_day(due)),
            to_milliseconds(end_of_day(today + timedelta(days=scene.lock_days))),
            tuple(number for number, _ in question.party_keys if number),
        )

    def _due(self, policy: Policy, check: Check, verdict: Verdict, now: datetime) -> datetime | None:
        """When the platform's report is due; None where there was nothing to carry out."""
        if not verdict.measures:
            return None
        days = policy.pack.scenes[check.scene].feedback_working_days
        return end_of_day(self.working_days.after(civil_day(now), days).day)

    def _ticket(
        self, client: Client, question: LookupKeys, found: LookUp, answered: DecisionContext, policy: Policy
    ) -> dict[str, str] | None:
        """A ticket for an answer that lets the transaction go on without any doubt."""
        check = question.check
        if answered.unknown or answered.verdict.outcome.rank > Outcome.WARN.rank:
            return None
        return self.tickets.make(
            Clearance(
                decision=answered.decision_id,
                client=client.id,
                scene=check.scene,
                transaction=question.targets[LockScope.TRANSACTION],
                account=question.targets.get(LockScope.ACCOUNT),
                operator=check.operator,
                purpose=check.purpose,
                seen=seen(question.party_keys, found, client.grants.classes, civil_day(answered.now)),
                epoch=found.state.epoch,
                policy=policy.digest,
                expires=expiry(policy, check.scene, answered.now),
            )
        )


def _count(answered: DecisionContext) -> None:
    scene = answered.check.scene
    for cause in {unknown.code for unknown in answered.unknown}:
        INDETERMINATE.labels(scene, cause).inc()
    shadow = answered.verdict.shadow
    for rule in shadow.rules if shadow else ():
        SHADOW_RULES.labels(rule, shadow.outcome if shadow else "").inc()


def _matches(party: Party, keys: PartyKeys, found: LookUp) -> list[Match]:
    by_number, by_name = (found.listings.get(key, []) if key else [] for key in keys)
    return matches_of(party, by_number, by_name)
