"""The locks held on a check's targets: read, repaired in Redis, and lifted where nothing supports them.

``LockStore.held_on`` only reads; the functions here also write.
"""

from collections.abc import Mapping, Sequence

from gateway.checks.lookup_keys import LookupKeys
from store.ledger.lock_states import LockState
from store.locks.rows import Lock
from store.locks.store import LockStore
from store.register.reader import LookUp

_LIFT_REASON = "the register answers again"


async def reconcile_locks(
    locks: LockStore, lookup: LookupKeys, found: LookUp | None, now: int, *, lift: bool
) -> Sequence[Lock]:
    """Read the locks held on the check's targets, repair their Redis keys, and ``lift`` the unsupported ones.

    Reads the ledger for the targets that Redis shows as locked, or for all when Redis could not be read (``found`` is
    None). ``now`` is in milliseconds. Raises ``SQLAlchemyError``.
    """
    targets = list(lookup.targets.values())
    shown = {target: found.locks[target] for target in targets if target in found.locks} if found else {}
    if found and not shown:
        return []
    held = await locks.held_on(list(shown) if found else targets, now)
    if found:
        await repair_lock_keys(locks, shown, held)
    return await lift_unsupported_locks(locks, held, now) if lift else held


async def repair_lock_keys(locks: LockStore, shown: Mapping[str, str], held: Sequence[Lock]) -> None:
    """Make Redis say what the ledger says: ``shown`` are the lock ids that Redis has, by target; ``held`` the ledger's.

    A key without a held lock is deleted, one that names another lock is overwritten.
    """
    held_targets = {lock.target_key for lock in held}
    await locks.hide([item for item in shown.items() if item[0] not in held_targets])
    await locks.show([lock for lock in held if shown.get(lock.target_key) != lock.id])


async def lift_unsupported_locks(locks: LockStore, held: Sequence[Lock], now: int) -> list[Lock]:
    """End the locks that rest on no listing, only on the register having been unknown; return the others.

    ``now`` is in milliseconds. Call it only when nothing is unknown. Raises ``SQLAlchemyError``.
    """
    for lock in held:
        if not lock.listings:
            await locks.end(
                lock.id, LockState.LIFTED, client="creditgate", operator="creditgate", reason=_LIFT_REASON, now=now
            )
    return [lock for lock in held if lock.listings]
