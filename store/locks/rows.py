"""Locks, requests for locks, and how locks are read from SQL."""

from collections.abc import Collection
from hashlib import sha256
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncConnection

from rules.faults import CreditGateError
from rules.vocabulary import LockScope
from store.db.schema import lock_changes, lock_listings, locks
from store.ledger.lock_states import LockChange, LockRow, LockState


class LockRequest(Struct, frozen=True):
    """A lock that a decision requires, and the listings that support it; none where the lock is for missing data."""

    scope: LockScope
    target: str
    target_key: str
    listings: tuple[str, ...]


class LockTerms(Struct, frozen=True):
    """What the locks of one decision have in common. Moments are in milliseconds."""

    client: str
    operator: str
    scene: str
    decision_id: str
    now: int
    due_at: int
    """When an entitled person should have decided on it."""
    expires_at: int
    subjects: tuple[str, ...] | None = None
    """Keys of the numbers that were checked: a listing of another subject supports no lock. None: any subject."""


class Lock(LockRow, frozen=True):
    """A lock with the listings that support it, by key, and its history where that was read (``find_lock``)."""

    listings: tuple[str, ...] = ()
    changes: tuple[LockChange, ...] = ()

    @property
    def version(self) -> str:
        """Changes whenever other listings support the lock, or it ends: an ETag for a person who decides on it."""
        content = "\n".join((self.id, self.state, *sorted(self.listings)))
        return sha256(content.encode()).hexdigest()[:16]

    def is_valid(self, now: int) -> bool:
        """Whether it is held at that moment; its term may be over before the expiry task ends it."""
        return self.state == LockState.HELD and now < self.expires_at


class LockSupportLostError(CreditGateError):
    """Some listings of a lock request do not support a lock any more: ``keys``. Nothing was written."""

    def __init__(self, keys: Collection[str]) -> None:
        super().__init__(f"{len(keys)} listings")
        self.keys = frozenset(keys)


class LockChangedError(CreditGateError):
    """The lock has another version than the one that was decided on. Nothing was written."""


async def read_locks(connection: AsyncConnection, query: Select[Any]) -> list[Lock]:
    """The locks that a query on ``locks`` selects, in its order, each with the listings that support it."""
    rows = [LockRow(*row) for row in await connection.execute(query)]
    listed: dict[str, list[str]] = {row.id: [] for row in rows}
    support = select(lock_listings).where(lock_listings.c.lock_id.in_(listed)).order_by(lock_listings.c.listing_key)
    for lock_id, key in await connection.execute(support) if rows else ():
        listed[lock_id].append(key)
    return [Lock(**msgspec.structs.asdict(row), listings=tuple(listed[row.id])) for row in rows]


async def find_lock(connection: AsyncConnection, lock_id: str) -> Lock | None:
    """A lock with its history, or None."""
    found = await read_locks(connection, select(locks).where(locks.c.id == lock_id))
    if not found:
        return None
    columns = [lock_changes.c[name] for name in LockChange._fields]
    query = select(*columns).where(lock_changes.c.lock_id == lock_id).order_by(lock_changes.c.id)
    history = tuple(LockChange(*row) for row in await connection.execute(query))
    return msgspec.structs.replace(found[0], changes=history)
