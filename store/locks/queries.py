"""Reads of many locks: pages, newest first, and how many are overdue."""

from typing import Any

from msgspec import Struct
from sqlalchemy import func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncEngine

from store.db.schema import locks
from store.ledger.lock_states import LockState
from store.locks.rows import Lock, read_locks


class LockFilter(Struct, frozen=True):
    """Conditions on locks; None is no condition."""

    client: str | None = None
    state: LockState | None = None
    scope: str | None = None
    scene: str | None = None
    overdue: bool | None = None
    """Held after the moment by which it should have been decided on."""


class LockQueries:
    """Locks in SQL, read only. ``now`` is in milliseconds."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def page(self, wanted: LockFilter, now: int, after: tuple[int, str] | None, limit: int) -> list[Lock]:
        """One page; ``after`` is creation moment and id of the last lock of the page before."""
        query = select(locks)
        for column, value in (
            (locks.c.client, wanted.client),
            (locks.c.state, wanted.state),
            (locks.c.scope, wanted.scope),
            (locks.c.scene, wanted.scene),
        ):
            if value is not None:
                query = query.where(column == value)
        if wanted.overdue is not None:
            late = (locks.c.state == LockState.HELD) & (locks.c.due_at < now)
            query = query.where(late if wanted.overdue else ~late)
        if after is not None:
            query = query.where(tuple_(locks.c.created_at, locks.c.id) < tuple_(*after))
        ordered = query.order_by(locks.c.created_at.desc(), locks.c.id.desc()).limit(limit)
        async with self._engine.connect() as connection:
            return await read_locks(connection, ordered)

    async def overdue(self, now: int) -> dict[str, int]:
        """How many held locks are overdue, by scene."""
        late: Any = (locks.c.state == LockState.HELD) & (locks.c.due_at < now)
        query = select(locks.c.scene, func.count()).where(late).group_by(locks.c.scene)
        async with self._engine.connect() as connection:
            return {row[0]: row[1] for row in await connection.execute(query)}
