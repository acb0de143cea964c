"""How locks and a verdict bear on each other: held ones count, released ones are remembered, new ones are wanted."""

from collections.abc import Mapping
from dataclasses import replace

from sqlalchemy.exc import SQLAlchemyError

from gateway.check_request import Check
from gateway.problems import Problem
from register.locks import Lock, LockBook, LockRequest
from rules.decision import Verdict
from rules.subject import SubjectKeys
from rules.vocabulary import LockScope, Outcome, strictest


def lock_targets(keys: SubjectKeys, client: str, check: Check) -> dict[LockScope, str]:
    """Keys of what this check could lock: its transaction and, where given, its account."""
    targets = {LockScope.TRANSACTION: check.transaction_id}
    if check.account_id:
        targets[LockScope.ACCOUNT] = check.account_id
    return {scope: keys.lock_target(client, scope, target) for scope, target in targets.items()}


async def settle_locks(
    book: LockBook, verdict: Verdict, targets: Mapping[LockScope, str], shown: Mapping[str, str], check: Check
) -> tuple[Verdict, list[Lock], list[LockRequest]]:
    """The verdict with held locks counted in, the locks held, and those still to be made.

    ``shown`` are lock ids by target as the register shows them. What an entitled person has released for a
    target locks it no more; a listing that came later does. Raises ``Problem`` 503 without the ledger.
    """
    try:
        found = [await book.find_held(target, lock_id) for target, lock_id in shown.items()]
        wanted = _wanted(verdict, targets, check)
        if wanted:
            released = await book.released_listings([request.target_key for request in wanted])
            wanted = [w for w in wanted if any((w.target_key, key) not in released for key in w.listings)]
    except SQLAlchemyError as error:
        raise Problem("ledger_unavailable") from error
    held = [lock for lock in found if lock is not None]
    if held:
        measures = () if verdict.outcome.rank <= Outcome.ALLOW.rank else verdict.measures
        verdict = replace(verdict, outcome=strictest(verdict.outcome, Outcome.LOCK), measures=measures)
    elif verdict.outcome is Outcome.LOCK and not wanted:
        verdict = _freed(verdict)
    return verdict, held, wanted


def _wanted(verdict: Verdict, targets: Mapping[LockScope, str], check: Check) -> list[LockRequest]:
    """What the verdict wants held.

    An account lock without an account falls back on the transaction where the outcome is a lock; an
    intercept needs no lock to be one.
    """
    wanted: dict[LockScope, dict[str, None]] = {}
    for party in verdict.parties:
        for scope, listing in party.locking:
            if scope in targets:
                wanted.setdefault(scope, {})[listing.key] = None
            elif verdict.outcome is Outcome.LOCK:
                wanted.setdefault(LockScope.TRANSACTION, {})[listing.key] = None
    names = {LockScope.TRANSACTION: check.transaction_id, LockScope.ACCOUNT: check.account_id or ""}
    return [LockRequest(scope, names[scope], targets[scope], tuple(keys)) for scope, keys in wanted.items()]


def _freed(verdict: Verdict) -> Verdict:
    """The verdict after the target was released from all these listings: told, not held."""
    parties = tuple(
        replace(party, outcome=Outcome.WARN, notes=(*party.notes, "lock_released"))
        if party.outcome is Outcome.LOCK
        else party
        for party in verdict.parties
    )
    outcome = strictest(*(party.outcome for party in parties))
    return replace(verdict, outcome=outcome, parties=parties, measures=())
