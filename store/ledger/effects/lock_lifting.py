"""Held locks are lifted when their last listing ends (办法一 Art. 16, 19; 办法二 Art. 27)."""

from collections.abc import Collection, Mapping

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store.db.engine import for_update
from store.db.hash_chain import HashChain
from store.db.schema import listings, lock_changes, lock_listings, locks
from store.ledger.listing_row import ListingRow
from store.ledger.lock_states import LiftedLock, LockRow, LockState, lock_change_row, lock_event
from store.platforms.outbox import EventDraft, EventType


async def lift_unsupported_locks(
    connection: AsyncConnection, chain: HashChain, ended: Mapping[str, ListingRow], now: int
) -> tuple[list[LiftedLock], list[EventDraft]]:
    """Lift the held locks that rested on the listings ``ended`` and on no other that still supports a lock.

    Returns the lifted locks and the events that are still to be written.
    """
    if not ended:
        return [], []
    # The order of every transaction that makes or ends locks: first the append lock, then the rows.
    await chain.lock_appends(connection, lock_changes)
    held = await _held_locks(connection, ended)
    if not held:
        return [], []
    supported, causes = await _support(connection, held, ended)
    lifted = [lock for lock_id, lock in held.items() if lock_id not in supported]
    if not lifted:
        return [], []
    end = update(locks).where(locks.c.id.in_([lock.id for lock in lifted]), locks.c.ended_at.is_(None))
    await connection.execute(end.values(state=LockState.LIFTED.value, ended_at=now))
    changes, events = [], []
    for lock in lifted:
        row = causes[lock.id]
        reason = f"listing {row.key}: {row.change_cause}"
        changes.append(lock_change_row(lock.id, LockState.LIFTED, now, reason=reason))
        events.append(lock_event(lock, EventType.LOCK_LIFTED, row.change_cause))
    await chain.append(connection, lock_changes, changes)
    return [LiftedLock(lock.target_key, lock.id) for lock in lifted], events


async def _held_locks(connection: AsyncConnection, keys: Collection[str]) -> dict[str, LockRow]:
    """The held locks that rest on any of these listings, locked for update."""
    resting = select(lock_listings.c.lock_id).where(lock_listings.c.listing_key.in_(keys))
    query = for_update(connection, select(locks).where(locks.c.id.in_(resting), locks.c.ended_at.is_(None)))
    return {lock.id: lock for lock in (LockRow(*row) for row in await connection.execute(query))}


async def _support(
    connection: AsyncConnection, held: Collection[str], ended: Mapping[str, ListingRow]
) -> tuple[set[str], dict[str, ListingRow]]:
    """The locks that another listing still supports, and by lock a listing that no longer does."""
    query = (
        select(lock_listings.c.lock_id, listings)
        .join(listings, listings.c.key == lock_listings.c.listing_key)
        .where(lock_listings.c.lock_id.in_(held))
    )
    supported, causes = set[str](), dict[str, ListingRow]()
    for lock_id, *columns in await connection.execute(query):
        row = ListingRow(*columns)
        if row.key in ended:
            causes[lock_id] = ended[row.key]
        elif row.supports_lock:
            supported.add(lock_id)
    return supported, causes
