"""One lock within a transaction: taken, joined, ended, and held to listings that stand."""

from collections.abc import Collection, Sequence
from datetime import date
from hashlib import sha256
from typing import Any
from uuid import uuid4

import msgspec
from msgspec import Struct
from sqlalchemy import ColumnElement, RowMapping, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from rules.faults import CreditGateError
from rules.listings.validity import in_force
from rules.vocabulary import LockScope
from store.db.engine import for_share, for_update, upsert
from store.db.hash_chain import HashChain
from store.db.schema import listings, lock_changes, lock_listings, locks
from store.ledger.lock_states import TERM_OVER, LockState, change_row, lock_event
from store.ledger.side_effects import supports
from store.platforms.outbox import EventType, tell


class LockRequest(Struct, frozen=True):
    """What a decision wants held, and the listings it rests on; none where it rests on not knowing."""

    scope: LockScope
    target: str
    target_key: str
    listings: tuple[str, ...]


class LockTerms(Struct, frozen=True):
    """For whom and until when. Moments are milliseconds."""

    client: str
    operator: str
    scene: str
    decision_id: str
    now: int
    due_at: int
    """When somebody should have decided on it."""
    expires_at: int
    subjects: tuple[str, ...] | None = None
    """Keys of the numbers that were given; a listing that is another's by now supports no lock. None: not asked."""


class Lock(Struct, frozen=True):
    """A lock as it stands."""

    id: str
    client: str
    scope: str
    target: str
    target_key: str
    scene: str
    decision_id: str
    listings: tuple[str, ...]
    created_at: int
    state: str
    due_at: int
    expires_at: int
    ended_at: int | None = None
    changes: tuple[dict[str, Any], ...] = ()

    @property
    def version(self) -> str:
        """Another whenever it rests on other listings, or has ended: what somebody who decides on it has seen."""
        rests_on = "\n".join((self.id, self.state, *sorted(self.listings)))
        return sha256(rests_on.encode()).hexdigest()[:16]

    def holds(self, now: int) -> bool:
        """Whether it holds at that moment, also where the sweep has not yet come."""
        return self.state == LockState.HELD and now < self.expires_at


class LockSupportLostError(CreditGateError):
    """Listings that a lock was to rest on no longer stand in the ledger; ``keys`` says which. Nothing was written."""

    def __init__(self, keys: Collection[str]) -> None:
        super().__init__(f"{len(keys)} listings")
        self.keys = frozenset(keys)


class LockChangedError(CreditGateError):
    """The lock is not as whoever decides on it has seen it. Nothing was written."""


async def hold(connection: AsyncConnection, chain: HashChain, request: LockRequest, terms: LockTerms) -> Lock:
    """Take a lock, or let the one that stands rest on these listings too."""
    held = (locks.c.target_key == request.target_key) & locks.c.ended_at.is_(None)
    await end_overdue(connection, chain, held & (locks.c.expires_at <= terms.now), terms.now)
    row = _new_row(request, terms)
    while True:
        try:
            async with connection.begin_nested():
                await connection.execute(insert(locks), [row])
        except IntegrityError:
            # Another holds it, unless that one ends this very moment.
            query = for_update(connection, select(locks).where(held))
            standing = (await connection.execute(query)).mappings().first()
            if standing is not None:
                await _rest_on(connection, standing["id"], request.listings)
                return (await with_listings(connection, [standing]))[0]
        else:
            await _rest_on(connection, row["id"], request.listings)
            change = change_row(row["id"], LockState.HELD, terms.client, terms.now, terms.operator)
            await chain.append(connection, lock_changes, [change])
            return lock_of({**row, "ended_at": None}, request.listings)


def _new_row(request: LockRequest, terms: LockTerms) -> dict[str, Any]:
    return {
        "id": f"lock_{uuid4().hex}",
        "client": terms.client,
        "scope": request.scope.value,
        "target": request.target,
        "target_key": request.target_key,
        "scene": terms.scene,
        "decision_id": terms.decision_id,
        "created_at": terms.now,
        "state": LockState.HELD.value,
        "due_at": terms.due_at,
        "expires_at": terms.expires_at,
    }


async def end_overdue(connection: AsyncConnection, chain: HashChain, due: ColumnElement[bool], now: int) -> list[Lock]:
    """End held locks whose term is over, and tell their platforms; a lock that ended makes room for a new one."""
    await chain.lock_appends(connection, lock_changes)
    rows = (await connection.execute(for_update(connection, select(locks).where(due)))).mappings().all()
    if not rows:
        return []
    ids = [row["id"] for row in rows]
    ended = update(locks).where(locks.c.id.in_(ids)).values(state=LockState.EXPIRED.value, ended_at=now)
    await connection.execute(ended)
    changes = [change_row(i, LockState.EXPIRED, "creditgate", now, "creditgate", TERM_OVER) for i in ids]
    await chain.append(connection, lock_changes, changes)
    await tell(connection, chain, [lock_event(row, EventType.LOCK_EXPIRED, TERM_OVER) for row in rows], now)
    return await with_listings(connection, rows)


async def require_seen(connection: AsyncConnection, lock_id: str, seen: Collection[str]) -> None:
    """Keep the lock as it is until the transaction ends. Raises ``LockChangedError`` unless a held one was so seen."""
    query = for_update(connection, select(locks).where(locks.c.id == lock_id, locks.c.ended_at.is_(None)))
    rows = (await connection.execute(query)).mappings().all()
    if any(lock.version not in seen for lock in await with_listings(connection, rows)):
        raise LockChangedError


async def keep_standing(connection: AsyncConnection, keys: Collection[str], subjects: Collection[str] | None) -> None:
    """Hold the rows of these listings of these subjects until the transaction ends. Raises ``LockSupportLostError``."""
    if not keys:
        return
    query = for_share(connection, select(listings).where(listings.c.key.in_(keys)))
    rows = (await connection.execute(query)).mappings()
    standing = {
        row["key"] for row in rows if supports(dict(row)) and (subjects is None or row["subject_key"] in subjects)
    }
    if standing != set(keys):
        raise LockSupportLostError(set(keys) - standing)


async def founded(connection: AsyncConnection, found: Collection[Lock], today: date) -> list[Lock]:
    """Those of the locks that rest on nothing, or on a listing that counts on that day: the sweep may be late."""
    keys = {key for lock in found for key in lock.listings}
    if not keys:
        return list(found)
    rows = (await connection.execute(select(listings).where(listings.c.key.in_(keys)))).mappings()
    counting = {row["key"] for row in rows if supports(dict(row)) and in_force(row["last_day"], today)}
    return [lock for lock in found if not lock.listings or counting & set(lock.listings)]


async def _rest_on(connection: AsyncConnection, lock_id: str, keys: Sequence[str]) -> None:
    """Let a lock rest on these listings too; the decision that says so is in the ledger."""
    rows = [{"lock_id": lock_id, "listing_key": key} for key in dict.fromkeys(keys)]
    await upsert(connection, lock_listings, rows, updated=[])


async def find_lock(connection: AsyncConnection, lock_id: str) -> Lock | None:
    """A lock with its history, or None."""
    row = (await connection.execute(select(locks).where(locks.c.id == lock_id))).mappings().first()
    if row is None:
        return None
    (lock,) = await with_listings(connection, [row])
    changes = select(lock_changes).where(lock_changes.c.lock_id == lock_id).order_by(lock_changes.c.id)
    history = tuple(dict(change) for change in (await connection.execute(changes)).mappings())
    return msgspec.structs.replace(lock, changes=history)


_COLUMNS = tuple(name for name in Lock.__struct_fields__ if name not in ("listings", "changes"))


def lock_of(row: RowMapping | dict[str, Any], listed: Sequence[str]) -> Lock:
    """A lock from its row and the listings that support it."""
    return Lock(**{name: row[name] for name in _COLUMNS}, listings=tuple(listed))


async def with_listings(connection: AsyncConnection, rows: Sequence[RowMapping]) -> list[Lock]:
    """Locks from their rows, each with the listings that support it."""
    ids = [row["id"] for row in rows]
    query = select(lock_listings).where(lock_listings.c.lock_id.in_(ids)).order_by(lock_listings.c.listing_key)
    listed: dict[str, list[str]] = {lock_id: [] for lock_id in ids}
    for lock_id, key in await connection.execute(query) if ids else ():
        listed[lock_id].append(key)
    return [lock_of(row, listed[row["id"]]) for row in rows]
