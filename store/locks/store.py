"""Locks: a transaction or an account held until somebody or the register lets go of it.

The table is the truth, with one held lock per client and target by a unique index; Redis only shows
readers which targets are held, and is filled again from here after a loss.
"""

from collections.abc import Callable, Collection, Sequence

import msgspec
import orjson
from redis.asyncio import Redis
from redis.exceptions import RedisError
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from rules.calendar import civil_day, from_milliseconds
from store.db.hash_chain import HashChain
from store.db.platform_tables import lock_listings
from store.db.schema import decisions, lock_changes, locks, writing
from store.ledger.decisions import DecisionEntry, record_decisions
from store.ledger.lock_states import LockState, change_row, lock_event
from store.locks.rows import (
    Lock,
    LockRequest,
    LockTerms,
    end_overdue,
    find_lock,
    founded,
    hold,
    keep_standing,
    lock_of,
    require_seen,
)
from store.platforms.outbox import EventType, tell
from store.register import keys as register_keys

_AT_ONCE = 500
_SHOW = """
if redis.call('GET', KEYS[1]) == ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1])
redis.call('XADD', KEYS[2], 'MAXLEN', '~', '1000000', '0-*', 'lock', ARGV[2])
return 1
"""
_HIDE = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"
"""Only this lock: the target may have been locked anew in between."""


class LockStore:
    """Locks in SQL, shown in Redis."""

    def __init__(self, engine: AsyncEngine, redis: "Redis", chain: HashChain) -> None:
        self._engine = engine
        self._writer = writing(engine)
        self._redis = redis
        self._chain = chain
        self.unshown = False
        """Whether a lock is held that Redis could not be told of; ``show_all`` makes up for it."""

    async def decide_and_hold(
        self, make_entry: Callable[[Sequence[Lock]], DecisionEntry], requests: Sequence[LockRequest], terms: LockTerms
    ) -> list[Lock]:
        """Take locks and write the decision in one transaction; then show the locks to readers.

        A target that is held already keeps its lock, which rests on these listings too from now on. Raises
        ``LockSupportLostError``, and ``SQLAlchemyError``, after which the caller must not answer with a lock.
        """
        async with self._writer.begin() as connection:
            await self._chain.take_turn(connection, decisions)
            keys = {key for request in requests for key in request.listings}
            await keep_standing(connection, keys, terms.subjects)
            if requests:
                await self._chain.take_turn(connection, lock_changes)
            held = [await hold(connection, self._chain, request, terms) for request in requests]
            await record_decisions(connection, self._chain, [make_entry(held)])
        await self._show({lock.target_key: lock.id for lock in held})
        return held

    async def released_listings(self, target_keys: Sequence[str]) -> set[tuple[str, str]]:
        """Target and listing pairs on which an entitled person has decided: they lock that target no more."""
        query = (
            select(locks.c.target_key, lock_listings.c.listing_key)
            .join(lock_listings, lock_listings.c.lock_id == locks.c.id)
            .where(locks.c.target_key.in_(target_keys), locks.c.state == LockState.RELEASED)
        )
        async with self._engine.connect() as connection:
            return {(target, listing) for target, listing in await connection.execute(query)}

    async def find(self, lock_id: str) -> Lock | None:
        """A lock with its history, or None."""
        async with self._engine.connect() as connection:
            return await find_lock(connection, lock_id)

    async def held_on(self, target_keys: Collection[str], now: int) -> list[Lock]:
        """The locks that the ledger holds on these targets; a stale showing is taken away."""
        query = select(locks).where(locks.c.target_key.in_(target_keys), locks.c.ended_at.is_(None))
        async with self._engine.connect() as connection:
            found = [lock_of(row) for row in (await connection.execute(query)).mappings()]
            return await founded(
                connection, [lock for lock in found if lock.holds(now)], civil_day(from_milliseconds(now))
            )

    async def end(
        self,
        lock_id: str,
        state: LockState,
        *,
        client: str,
        operator: str,
        reason: str,
        now: int,
        document_no: str | None = None,
        seen: Collection[str] | None = None,
    ) -> Lock | None:
        """Release or confirm a held lock, or lift one that rests on not knowing; None when it is not so held.

        ``seen`` are versions of which it must have one. Raises ``LockChangedError`` where it has none of them.
        """
        async with self._writer.begin() as connection:
            await self._chain.take_turn(connection, lock_changes)
            if seen is not None:
                await require_seen(connection, lock_id, seen)
            held = (locks.c.id == lock_id) & locks.c.ended_at.is_(None)
            if state is LockState.LIFTED:
                # A listing may have joined it since it was read.
                held &= locks.c.held_by == orjson.dumps(())
            ended = update(locks).where(held).values(ended_at=now, state=state.value)
            if (await connection.execute(ended)).rowcount == 0:
                return None
            change = change_row(lock_id, state, client, now, operator, reason, document_no)
            await self._chain.append(connection, lock_changes, [change])
            lock = await find_lock(connection, lock_id)
            assert lock is not None
            type_ = {LockState.RELEASED: EventType.LOCK_RELEASED, LockState.LIFTED: EventType.LOCK_LIFTED}.get(state)
            if type_ is not None:
                await tell(connection, self._chain, [lock_event(msgspec.structs.asdict(lock), type_, reason)], now)
        await self.hide([(lock.target_key, lock.id)])
        return lock

    async def expire_due(self, now: int) -> list[Lock]:
        """End the locks whose term is over, and tell their platforms; empty when none is due."""
        due = (locks.c.state == LockState.HELD) & (locks.c.expires_at <= now)
        async with self._engine.connect() as connection:
            if (await connection.execute(select(locks.c.id).where(due).limit(1))).first() is None:
                return []
        async with self._writer.begin() as connection:
            ended = await end_overdue(connection, self._chain, due, now)
        await self.hide([(lock.target_key, lock.id) for lock in ended])
        return ended

    async def hide(self, gone: Sequence[tuple[str, str]]) -> None:
        """Take away the showing of locks, by target key and id; while Redis is away readers meet the table's word."""
        try:
            for target_key, lock_id in gone:
                await self._redis.eval(_HIDE, 1, register_keys.lock(target_key), lock_id)
        except (RedisError, OSError):
            return

    async def show_all(self) -> int:
        """Show every held lock in Redis again; how many there were."""
        self.unshown = False
        query = select(locks.c.target_key, locks.c.id).where(locks.c.ended_at.is_(None))
        async with self._engine.connect() as connection:
            held = {row[0]: row[1] for row in await connection.execute(query)}
        try:
            await self._tell(held)
        except (RedisError, OSError):
            self.unshown = True
            raise
        return len(held)

    async def show(self, held: Sequence[Lock]) -> None:
        """Show these locks; while Redis is away that is made up for later."""
        await self._show({lock.target_key: lock.id for lock in held})

    async def _show(self, held: dict[str, str]) -> None:
        try:
            await self._tell(held)
        except (RedisError, OSError):
            # The lock stands in the ledger; who cannot reach Redis either asks the ledger.
            self.unshown = True

    async def _tell(self, held: dict[str, str]) -> None:
        """Show locks, and put into the change log that there are locks to be seen."""
        items = list(held.items())
        for start in range(0, len(items), _AT_ONCE):
            pipeline = self._redis.pipeline(transaction=True)
            for target, lock_id in items[start : start + _AT_ONCE]:
                pipeline.eval(_SHOW, 2, register_keys.lock(target), register_keys.CHANGE_LOG, lock_id, target)
            await pipeline.execute()
