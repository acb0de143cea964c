"""Locks: a transaction or an account held until an entitled person releases it.

The table is the truth, with one held lock per client and target by a unique index; Redis only shows
readers which targets are held, and is filled again from here after a loss.
"""

from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import orjson
from msgspec import Struct
from redis.asyncio import Redis
from sqlalchemy import RowMapping, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from register import layout
from register.chain import Chain
from register.database import lock_changes, locks, writing
from register.decisions import DecisionEntry, record_decisions
from rules.vocabulary import LockScope


class LockRequest(Struct, frozen=True):
    """What a decision wants held, and the listings it rests on."""

    scope: LockScope
    target: str
    target_key: str
    listings: tuple[str, ...]


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
    released_at: int | None
    changes: tuple[dict[str, Any], ...] = ()

    @property
    def state(self) -> str:
        """``held`` or ``released``."""
        return "held" if self.released_at is None else "released"


class LockBook:
    """Locks in SQL, shown in Redis."""

    def __init__(self, engine: AsyncEngine, redis: "Redis", chain: Chain) -> None:
        self._engine = engine
        self._writer = writing(engine)
        self._redis = redis
        self._chain = chain

    async def decide_and_hold(self, entry: DecisionEntry, requests: Sequence[LockRequest]) -> list[Lock]:
        """Write the decision and take its locks in one transaction; then show the locks to readers.

        A target that is held already keeps its lock, which is returned. Raises ``SQLAlchemyError`` or
        ``RedisError``, after which the caller must not answer with a lock.
        """
        held = []
        async with self._writer.begin() as connection:
            await record_decisions(connection, self._chain, [entry])
            for request in requests:
                held.append(await self._hold(connection, entry, request))
        for lock in held:
            await self._redis.set(layout.LOCK + lock.target_key, lock.id)
        return held

    async def released_listings(self, target_keys: Sequence[str]) -> set[tuple[str, str]]:
        """Target and listing pairs on which an entitled person has decided: they lock that target no more."""
        query = select(locks.c.target_key, locks.c.held_by).where(
            locks.c.target_key.in_(target_keys), locks.c.released_at.is_not(None)
        )
        async with self._engine.connect() as connection:
            rows = (await connection.execute(query)).all()
        return {(target, listing) for target, held_by in rows for listing in orjson.loads(held_by)}

    async def find(self, lock_id: str) -> Lock | None:
        """A lock with its history, or None."""
        async with self._engine.connect() as connection:
            return await _find(connection, lock_id)

    async def find_held(self, target_key: str, lock_id: str) -> Lock | None:
        """The lock that Redis shows, if the ledger holds it; a stale showing is taken away."""
        lock = await self.find(lock_id)
        if lock is not None and lock.released_at is None:
            return lock
        await self._redis.delete(layout.LOCK + target_key)
        return None

    async def release(self, lock_id: str, client: str, operator: str, reason: str, now: int) -> Lock | None:
        """Release a held lock, once; None when it is not held (any more)."""
        async with self._writer.begin() as connection:
            statement = (
                update(locks).where(locks.c.id == lock_id, locks.c.released_at.is_(None)).values(released_at=now)
            )
            if (await connection.execute(statement)).rowcount == 0:
                return None
            change = _change(lock_id, "released", client, now, operator, reason)
            await self._chain.append(connection, lock_changes, [change])
            lock = await _find(connection, lock_id)
        assert lock is not None
        await self._redis.delete(layout.LOCK + lock.target_key)
        return lock

    async def show_all(self) -> int:
        """Show every held lock in Redis again; how many there were."""
        query = select(locks.c.target_key, locks.c.id).where(locks.c.released_at.is_(None))
        async with self._engine.connect() as connection:
            held = {layout.LOCK + target: lock_id for target, lock_id in await connection.execute(query)}
        if held:
            await self._redis.mset(held)
        return len(held)

    async def _hold(self, connection: AsyncConnection, entry: DecisionEntry, request: LockRequest) -> Lock:
        row: dict[str, Any] = {
            "id": f"lock_{uuid4().hex}",
            "client": entry.client,
            "scope": request.scope.value,
            "target": request.target,
            "target_key": request.target_key,
            "scene": entry.scene,
            "decision_id": entry.id,
            "held_by": orjson.dumps(request.listings),
            "created_at": entry.decided_at,
        }
        try:
            async with connection.begin_nested():
                await connection.execute(insert(locks), [row])
        except IntegrityError:
            query = select(locks).where(locks.c.target_key == request.target_key, locks.c.released_at.is_(None))
            standing = (await connection.execute(query)).mappings().one()
            return _lock(standing)
        change = _change(row["id"], "held", entry.client, entry.decided_at, entry.operator)
        await self._chain.append(connection, lock_changes, [change])
        return _lock({**row, "released_at": None})


def _change(
    lock_id: str, state: str, client: str, now: int, operator: str, reason: str | None = None
) -> dict[str, Any]:
    return {
        "lock_id": lock_id,
        "changed_at": now,
        "state": state,
        "client": client,
        "operator": operator,
        "reason": reason,
    }


async def _find(connection: AsyncConnection, lock_id: str) -> Lock | None:
    row = (await connection.execute(select(locks).where(locks.c.id == lock_id))).mappings().first()
    if row is None:
        return None
    changes = select(lock_changes).where(lock_changes.c.lock_id == lock_id).order_by(lock_changes.c.id)
    return _lock(row, tuple(dict(change) for change in (await connection.execute(changes)).mappings()))


def _lock(row: RowMapping | dict[str, Any], changes: tuple[dict[str, Any], ...] = ()) -> Lock:
    return Lock(
        id=row["id"],
        client=row["client"],
        scope=row["scope"],
        target=row["target"],
        target_key=row["target_key"],
        scene=row["scene"],
        decision_id=row["decision_id"],
        listings=tuple(orjson.loads(row["held_by"])),
        created_at=row["created_at"],
        released_at=row["released_at"],
        changes=changes,
    )
