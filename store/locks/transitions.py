"""Acquire and end locks within the caller's transaction.

Every transaction that does so first excludes others from appending to ``lock_changes``, then locks the rows.
"""

from collections.abc import Collection, Sequence
from uuid import uuid4

import msgspec
from sqlalchemy import ColumnElement, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from store.db.engine import for_update, upsert
from store.db.hash_chain import HashChain
from store.db.schema import lock_changes, lock_listings, locks
from store.ledger.lock_states import TERM_OVER, LockRow, LockState, lock_change_row, lock_event
from store.locks.rows import Lock, LockChangedError, LockRequest, LockTerms, read_locks
from store.platforms.outbox import EventType, append_events


async def acquire(connection: AsyncConnection, chain: HashChain, request: LockRequest, terms: LockTerms) -> Lock:
    """Make a lock; where the target is locked already, let that lock rest on these listings too."""
    held = (locks.c.target_key == request.target_key) & locks.c.ended_at.is_(None)
    await end_overdue(connection, chain, held & (locks.c.expires_at <= terms.now), terms.now)
    row = _new_row(request, terms)
    while True:
        try:
            async with connection.begin_nested():
                await connection.execute(insert(locks), [msgspec.structs.asdict(row)])
        except IntegrityError:
            # Another lock is held on the target; if it ends before it is read here, the loop tries again.
            existing = (await connection.execute(for_update(connection, select(locks.c.id).where(held)))).scalar()
            if existing is not None:
                await _add_support(connection, existing, request.listings)
                (lock,) = await read_locks(connection, select(locks).where(locks.c.id == existing))
                return lock
        else:
            await _add_support(connection, row.id, request.listings)
            change = lock_change_row(row.id, LockState.HELD, terms.now, terms.client, terms.operator)
            await chain.append(connection, lock_changes, [change])
            return Lock(**msgspec.structs.asdict(row), listings=request.listings)


def _new_row(request: LockRequest, terms: LockTerms) -> LockRow:
    return LockRow(
        id=f"lock_{uuid4().hex}",
        client=terms.client,
        scope=request.scope.value,
        target=request.target,
        target_key=request.target_key,
        scene=terms.scene,
        decision_id=terms.decision_id,
        created_at=terms.now,
        state=LockState.HELD.value,
        expires_at=terms.expires_at,
        due_at=terms.due_at,
    )


async def _add_support(connection: AsyncConnection, lock_id: str, keys: Sequence[str]) -> None:
    """Let a lock rest on these listings too; the decision that adds them is in the ledger."""
    rows = [{"lock_id": lock_id, "listing_key": key} for key in dict.fromkeys(keys)]
    await upsert(connection, lock_listings, rows, updated=[])


async def end_overdue(connection: AsyncConnection, chain: HashChain, due: ColumnElement[bool], now: int) -> list[Lock]:
    """End held locks whose term is over, and report it to their platforms."""
    await chain.lock_appends(connection, lock_changes)
    ended = await read_locks(connection, for_update(connection, select(locks).where(due)))
    if not ended:
        return []
    end = update(locks).where(locks.c.id.in_([lock.id for lock in ended]))
    await connection.execute(end.values(state=LockState.EXPIRED.value, ended_at=now))
    changes = [lock_change_row(lock.id, LockState.EXPIRED, now, reason=TERM_OVER) for lock in ended]
    await chain.append(connection, lock_changes, changes)
    events = [lock_event(lock, EventType.LOCK_EXPIRED, TERM_OVER) for lock in ended]
    await append_events(connection, chain, events, now)
    return ended


async def require_version(connection: AsyncConnection, lock_id: str, versions: Collection[str]) -> None:
    """Lock its row against changes until the transaction ends.

    Raises ``LockChangedError`` where it is held and has none of these versions.
    """
    query = for_update(connection, select(locks).where(locks.c.id == lock_id, locks.c.ended_at.is_(None)))
    if any(lock.version not in versions for lock in await read_locks(connection, query)):
        raise LockChangedError
