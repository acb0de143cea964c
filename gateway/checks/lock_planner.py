"""How locks and a verdict bear on each other: held ones count, released ones are remembered, new ones are wanted."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from gateway.checks.request import Check
from rules.policy.verdict import Verdict
from rules.vocabulary import LockScope, Outcome, strictest
from store.ledger.lock_states import LockState
from store.locks.rows import Lock, LockRequest
from store.locks.store import LockStore


@dataclass(frozen=True, slots=True)
class LockPlan:
    """The verdict with held locks counted in, and the locks still to be made."""

    verdict: Verdict
    wanted: Sequence[LockRequest]


async def held_locks(
    book: LockStore, targets: Mapping[LockScope, str], shown: Mapping[str, str] | None, now: int, *, certain: bool
) -> list[Lock]:
    """The locks that hold these targets: of those that the register shows, or of all when it could not be read.

    A stale showing is taken away. Where the register now answers for ``certain``, a lock that rested only on not
    knowing falls. Raises ``SQLAlchemyError``.
    """
    asked = list(targets.values()) if shown is None else list(shown)
    if not asked:
        return []
    held = await book.held_on(asked, now)
    holding = {lock.target_key: lock for lock in held}
    await book.hide([item for item in (shown or {}).items() if item[0] not in holding])
    await book.show([lock for target, lock in holding.items() if shown and shown[target] != lock.id])
    if not certain:
        return held
    kept = []
    for lock in held:
        if lock.listings:
            kept.append(lock)
            continue
        reason = "the register answers again"
        await book.end(lock.id, LockState.LIFTED, client="creditgate", operator="creditgate", reason=reason, now=now)
    return kept


async def settle_locks(
    book: LockStore,
    verdict: Verdict,
    targets: Mapping[LockScope, str],
    held: Sequence[Lock],
    check: Check,
    without: Callable[[frozenset[str]], Verdict],
) -> LockPlan:
    """What locks make of a verdict, and it of locks.

    What an entitled person has released for a target locks it no more; a listing that came later does. ``without``
    gives the verdict that holds without some listings, doubts and all. Raises ``SQLAlchemyError``.
    """
    wanted = _wanted(verdict, targets, check)
    asked = frozenset(key for request in wanted for key in request.listings)
    if wanted:
        released = await book.released_listings([request.target_key for request in wanted])
        wanted = [w for w in wanted if not w.listings or any((w.target_key, key) not in released for key in w.listings)]
    if held:
        measures = () if verdict.outcome.rank <= Outcome.ALLOW.rank else verdict.measures
        verdict = replace(verdict, outcome=strictest(verdict.outcome, Outcome.LOCK), measures=measures)
    elif verdict.outcome is Outcome.LOCK and not wanted:
        verdict = _freed(verdict, without(asked))
        wanted = _wanted(verdict, targets, check) if verdict.outcome is Outcome.LOCK else []
    return LockPlan(verdict, wanted)


def _wanted(verdict: Verdict, targets: Mapping[LockScope, str], check: Check) -> list[LockRequest]:
    """What the verdict wants held.

    An account lock without an account falls back on the transaction where the outcome is a lock; an intercept
    needs no lock to be one. A lock for not knowing rests on no listing.
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


def _freed(verdict: Verdict, other: Verdict) -> Verdict:
    """The verdict after the target was released from all these listings: told, not held; the rest stands."""
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
        for party, rest in zip(verdict.parties, other.parties, strict=True)
    )
    outcome = strictest(*(party.weighted_outcome for party in parties))
    return replace(verdict, outcome=outcome, parties=parties, measures=other.measures)
