"""Applies held locks and released listings to a verdict, and plans the locks to take.

Pure: no I/O, no clock.
"""

from collections.abc import Callable, Collection, Mapping, Sequence, Set
from dataclasses import dataclass, replace

from gateway.checks.lookup_keys import LookupKeys
from gateway.checks.request import Check
from rules.policy.verdict import Verdict
from rules.vocabulary import LockScope, Outcome, strictest
from store.locks.rows import Lock, LockRequest


@dataclass(frozen=True, slots=True)
class LockPlan:
    """The verdict with held and released locks counted in, and the locks to take."""

    verdict: Verdict
    wanted: Sequence[LockRequest]


def plan_locks(
    verdict: Verdict,
    requested: Sequence[LockRequest],
    lookup: LookupKeys,
    held: Collection[Lock],
    released: Set[tuple[str, str]],
    judge_without: Callable[[frozenset[str]], Verdict],
) -> LockPlan:
    """Apply the held locks to the verdict and plan new ones.

    ``requested`` are the locks that the verdict asks for. ``released`` are pairs of a target's key and a listing's
    key on which an entitled person has decided: that listing locks that target no more, a later listing does.
    ``judge_without`` gives the verdict without some listings.
    """
    wanted = [request for request in requested if not _is_released(request, released)]
    if held:
        measures = () if verdict.outcome.rank <= Outcome.ALLOW.rank else verdict.measures
        verdict = replace(verdict, outcome=strictest(verdict.outcome, Outcome.LOCK), measures=measures)
    elif verdict.outcome is Outcome.LOCK and not wanted:
        listings = frozenset(key for request in requested for key in request.listings)
        verdict = _released_verdict(verdict, judge_without(listings))
        wanted = locks_wanted(verdict, lookup.check, lookup.targets) if verdict.outcome is Outcome.LOCK else []
    return LockPlan(verdict, wanted)


def locks_wanted(verdict: Verdict, check: Check, targets: Mapping[LockScope, str]) -> list[LockRequest]:
    """The locks that the verdict asks for, before releases.

    An account lock becomes a transaction lock where the check names no account and the outcome is a lock; an intercept
    needs no lock. A lock because something is unknown rests on no listing.
    """
    wanted: dict[LockScope, dict[str, None]] = {}
    for party in verdict.parties:
        for scope, listing in party.lock_grounds:
            if scope in targets:
                wanted.setdefault(scope, {})[listing.key] = None
            elif verdict.outcome is Outcome.LOCK:
                wanted.setdefault(LockScope.TRANSACTION, {})[listing.key] = None
    if verdict.outcome is Outcome.LOCK and not wanted:
        wanted[LockScope.TRANSACTION] = {}
    names = {LockScope.TRANSACTION: check.transaction_id, LockScope.ACCOUNT: check.account_id or ""}
    return [LockRequest(scope, names[scope], targets[scope], tuple(keys)) for scope, keys in wanted.items()]


def _is_released(request: LockRequest, released: Set[tuple[str, str]]) -> bool:
    """Whether every listing of the request was released for its target; one that rests on no listing never is."""
    return bool(request.listings) and all((request.target_key, key) in released for key in request.listings)


def _released_verdict(verdict: Verdict, without: Verdict) -> Verdict:
    """The verdict on a target that was released from all these listings: a warning instead of a lock."""
    parties = tuple(
        replace(
            party,
            outcome=strictest(Outcome.WARN, rest.outcome),
            weighted_outcome=strictest(Outcome.WARN, rest.weighted_outcome),
            lock_grounds=(),
            notes=(*party.notes, "lock_released"),
        )
        if party.outcome is Outcome.LOCK
        else party
        for party, rest in zip(verdict.parties, without.parties, strict=True)
    )
    outcome = strictest(*(party.weighted_outcome for party in parties))
    return replace(verdict, outcome=outcome, parties=parties, measures=without.measures)
