"""What a check does to locks that it meets: keep their Redis keys true, and end those that nothing supports any more.

``LockStore.held_on`` reads; these two write, and say so.
"""

from collections.abc import Mapping, Sequence

from store.ledger.lock_states import LockState
from store.locks.rows import Lock
from store.locks.store import LockStore

_LIFT_REASON = "the register answers again"


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
