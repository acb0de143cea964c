"""The full decision on a check, without HTTP.

keys ─▶ look up ─▶ judge ─▶ plan locks ─▶ record ─▶ response
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from time import monotonic
from typing import NamedTuple

from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from gateway.checks.clearance import clearance_of
from gateway.checks.fast_allow_response import DecisionIds
from gateway.checks.held_locks import reconcile_locks
from gateway.checks.judge import judge, matches_in
from gateway.checks.lock_planner import LockPlan, locks_wanted, plan_locks
from gateway.checks.lookup_keys import LookupKeys
from gateway.checks.recorder import DecisionRecorder
from gateway.checks.response import DecisionContext, authorities_of
from gateway.data_freshness import DataFreshness
from gateway.policy_store import PolicyStore
from gateway.tickets.signer import TicketSigner
from gateway.web.problems import ProblemError
from rules.calendar import civil_day, to_milliseconds
from rules.policy.pack import Policy, Scene
from rules.policy.unknown import Unknown
from rules.policy.verdict import Verdict
from rules.vocabulary import Outcome
from store.locks.rows import Lock, LockSupportLostError
from store.locks.store import LockStore
from store.platforms.clients import Client
from store.register.reader import LookUp, RegisterState, RegisterUnavailableError
from store.replica.reader import ReplicaReader

_SHARED_LOOKUP_S = 1.0
"""For so long one look-up serves the checks of a batch."""
_ATTEMPTS = 5
"""After so many attempts to decide one check the answer is ``ledger_unavailable``."""


class DecisionResult(NamedTuple):
    """An outcome, and the body of the answer."""

    outcome: Outcome
    body: bytes


class RegisterRead(NamedTuple):
    """What the register shows of some checks, or why it could not be read."""

    found: LookUp | None
    failures: tuple[Unknown, ...] = ()

    @property
    def state(self) -> RegisterState | None:
        """How old it is; None when it could not be read."""
        return self.found.state if self.found else None

    @property
    def from_cache(self) -> bool:
        """Whether the listings may have ended since they were read."""
        return self.found is not None and self.found.from_cache


@dataclass(frozen=True, slots=True)
class DecisionService:
    """Decides checks. ``clock`` gives the current time, with its zone."""

    reader: ReplicaReader
    locks: LockStore
    recorder: DecisionRecorder
    policy_store: PolicyStore
    freshness: DataFreshness
    tickets: TicketSigner
    clock: Callable[[], datetime]
    ids: DecisionIds = field(default_factory=DecisionIds)

    async def decide_all(self, client: Client, lookups: Sequence[LookupKeys]) -> list[DecisionResult | ProblemError]:
        """Decide checks in their order from one look-up; a problem with one harms no other.

        The look-up is repeated after a second, and before a check of a target that an earlier one may have locked.
        """
        results: list[DecisionResult | ProblemError] = []
        seen_targets, read_at = set[str](), -_SHARED_LOOKUP_S
        for index, lookup in enumerate(lookups):
            targets = set(lookup.targets.values())
            if monotonic() - read_at >= _SHARED_LOOKUP_S or not seen_targets.isdisjoint(targets):
                read_at, seen_targets = monotonic(), set()
                read = await self._look_up(lookups[index:])
            seen_targets |= targets
            try:
                results.append(await self._decide(client, lookup, read))
            except ProblemError as problem:
                results.append(problem)
            except (SQLAlchemyError, RedisError, OSError):
                results.append(ProblemError("ledger_unavailable"))
        return results

    async def _look_up(self, lookups: Sequence[LookupKeys], *, bypass_cache: bool = False) -> RegisterRead:
        """One look-up for all these checks."""
        keys = dict.fromkeys(key for lookup in lookups for key in lookup.keys)
        targets = dict.fromkeys(target for lookup in lookups for target in lookup.targets.values())
        fresh = any(lookup.check.max_staleness_ms is not None for lookup in lookups)
        try:
            found = await self.reader.look_up(
                list(keys), list(targets), bypass_replica=fresh, bypass_cache=bypass_cache
            )
        except RegisterUnavailableError as error:
            return RegisterRead(None, (Unknown(error.code),))
        return RegisterRead(found)

    async def _decide(self, client: Client, lookup: LookupKeys, read: RegisterRead) -> DecisionResult:
        """Decide one check; again when a listing it rests on has ended, or may have ended since it was cached.

        Raises ``ProblemError`` and ``SQLAlchemyError``.
        """
        policy, check, now = self.policy_store.current, lookup.check, self.clock()
        scene = policy.pack.scenes.get(check.scene)
        if scene is None:
            raise ProblemError("scene_unknown", path="$.scene")  # the policy was reloaded since the check was read
        ended: frozenset[str] = frozenset()
        for _ in range(_ATTEMPTS):
            unknown = await self._unknown(scene, read, check.max_staleness_ms)
            held = await reconcile_locks(self.locks, lookup, read.found, to_milliseconds(now), lift=not unknown)
            matches, classes = matches_in(lookup, read.found), client.grants.classes
            judge_without = partial(judge, policy, check, matches, classes, civil_day(now), unknown=bool(unknown))
            verdict = judge_without(ended)
            if read.from_cache and verdict.outcome.rank >= Outcome.LOCK.rank:
                # Lock and intercept decisions always bypass the cache.
                read = await self._look_up([lookup], bypass_cache=True)
                continue
            plan = await self._plan_locks(lookup, verdict, held, judge_without, ended)
            decision_id = self.ids.next()
            due = self.recorder.feedback_due(scene, now) if plan.verdict.measures else None
            watermarks = self.freshness.watermarks(authorities_of(plan.verdict))
            context = DecisionContext(
                decision_id, check, plan.verdict, verdict.outcome, held, unknown, read.state, now, due, None, watermarks
            )
            if check.ticket:
                context = replace(context, ticket=self._ticket(client, lookup, read.found, context, policy))
            try:
                body = await self.recorder.record(client, lookup, context, plan, policy)
            except LockSupportLostError as lost:
                ended |= lost.keys
            else:
                return DecisionResult(plan.verdict.outcome, body)
        raise ProblemError("ledger_unavailable")

    async def _unknown(self, scene: Scene, read: RegisterRead, max_staleness_ms: int | None) -> tuple[Unknown, ...]:
        """Why the answer may lack something; empty when it does not."""
        if read.state is None:
            return read.failures
        await self.freshness.refresh_if_unreliable(scene)
        return self.freshness.unknowns(scene, read.state, max_staleness_ms)

    async def _plan_locks(
        self,
        lookup: LookupKeys,
        verdict: Verdict,
        held: Sequence[Lock],
        judge_without: Callable[[frozenset[str]], Verdict],
        ended: frozenset[str],
    ) -> LockPlan:
        wanted = locks_wanted(verdict, lookup.check, lookup.targets)
        released = await self.locks.released_listings([request.target_key for request in wanted]) if wanted else set()
        return plan_locks(verdict, wanted, lookup, held, released, lambda listings: judge_without(ended | listings))

    def _ticket(
        self, client: Client, lookup: LookupKeys, found: LookUp | None, context: DecisionContext, policy: Policy
    ) -> dict[str, str] | None:
        """A ticket for an answer that lets the transaction go on with nothing unknown; else None."""
        if found is None or context.unknown or context.verdict.outcome.rank > Outcome.WARN.rank:
            return None
        return self.tickets.make(clearance_of(client, lookup, found, context, policy))
