"""Records a decision and makes its answer. Locks and intercepts are in the ledger before they are answered."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from gateway.audit.buffer import AuditBuffer
from gateway.checks.audit_entry import decision_entry
from gateway.checks.lock_planner import LockPlan
from gateway.checks.lookup_keys import LookupKeys
from gateway.checks.response import DecisionContext, decision_body
from gateway.metrics import INDETERMINATE, LOCKS_HELD, SHADOW_RULES
from rules.calendar import civil_day, end_of_day, to_milliseconds
from rules.policy.pack import Policy, Scene
from rules.records.departments import Departments
from rules.vocabulary import Outcome
from rules.working_days import WorkingDays
from store.ledger.decisions import DecisionEntry
from store.locks.rows import Lock, LockTerms
from store.locks.store import LockStore
from store.platforms.clients import Client
from store.replica.replica import Replica


@dataclass(frozen=True, slots=True)
class DecisionRecorder:
    """Records the decisions of one process."""

    locks: LockStore
    replica: Replica
    audit: AuditBuffer
    departments: Departments
    working_days: WorkingDays

    async def record(
        self, client: Client, lookup: LookupKeys, context: DecisionContext, plan: LockPlan, policy: Policy
    ) -> bytes:
        """Record the decision, take its locks, and return the body of the answer.

        A decision below a lock goes to the audit buffer, which writes it soon after. Raises ``LockSupportLostError``
        with nothing written, ``ProblemError`` when the audit is full, and ``SQLAlchemyError``.
        """
        if context.verdict.outcome.rank < Outcome.LOCK.rank and not plan.wanted:
            body, entry = self._body_and_entry(client, lookup, context, policy)
            self.audit.put(entry)
        else:
            body = await self._take_locks(client, lookup, context, plan, policy)
        _count(context)
        return body

    def feedback_due(self, scene: Scene, now: datetime) -> datetime:
        """When the platform must have reported what it did: at the end of the scene's last working day for it."""
        return end_of_day(self.working_days.after(civil_day(now), scene.feedback_working_days).day)

    async def _take_locks(
        self, client: Client, lookup: LookupKeys, context: DecisionContext, plan: LockPlan, policy: Policy
    ) -> bytes:
        body = b""

        def entry_with(taken: Sequence[Lock]) -> DecisionEntry:
            """Called within the transaction: the answer and its entry name the locks that it takes."""
            nonlocal body
            locks = {lock.id: lock for lock in (*context.locks, *taken)}
            body, entry = self._body_and_entry(client, lookup, replace(context, locks=list(locks.values())), policy)
            return entry

        terms = self._terms(client, lookup, context, policy)
        for lock in await self.locks.acquire_with_decision(entry_with, plan.wanted, terms):
            self.replica.add_lock(lock.target_key)
            if lock.decision_id == context.decision_id:
                LOCKS_HELD.labels(lock.scene, lock.scope).inc()
        return body

    def _body_and_entry(
        self, client: Client, lookup: LookupKeys, context: DecisionContext, policy: Policy
    ) -> tuple[bytes, DecisionEntry]:
        body = decision_body(context, policy, self.departments)
        # A ticket is a credential: the ledger keeps the answer without it.
        kept = decision_body(replace(context, ticket=None), policy, self.departments) if context.ticket else body
        return body, decision_entry(client, context, lookup.party_keys, kept)

    def _terms(self, client: Client, lookup: LookupKeys, context: DecisionContext, policy: Policy) -> LockTerms:
        check, scene = context.check, policy.pack.scenes[context.check.scene]
        last_day = civil_day(context.now) + timedelta(days=scene.lock_days)
        return LockTerms(
            client=client.id,
            operator=check.operator,
            scene=check.scene,
            decision_id=context.decision_id,
            now=to_milliseconds(context.now),
            due_at=to_milliseconds(self.feedback_due(scene, context.now)),
            expires_at=to_milliseconds(end_of_day(last_day)),
            subjects=tuple(number for number, _ in lookup.party_keys if number),
        )


def _count(context: DecisionContext) -> None:
    scene = context.check.scene
    for cause in {unknown.code for unknown in context.unknown}:
        INDETERMINATE.labels(scene, cause).inc()
    shadow = context.verdict.shadow
    for rule in shadow.rules if shadow else ():
        SHADOW_RULES.labels(rule, shadow.outcome if shadow else "").inc()
