"""Locks on transactions and accounts, held until a person or a change of the register ends them.

SQL decides, with one held lock per target by a unique index. Redis only shows readers which targets are locked,
and is filled again from SQL after a loss.
"""

from collections.abc import Callable, Collection, Sequence

from redis.asyncio import Redis
from redis.exceptions import RedisError
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from rules.calendar import civil_day, from_milliseconds
from store.db.engine import writing
from store.db.hash_chain import HashChain
from store.db.schema import decisions, lock_changes, lock_listings, locks
from store.ledger.decisions import DecisionEntry, record_decisions
from store.ledger.lock_states import LockState, lock_change_row, lock_event
from store.locks.rows import Lock, LockRequest, LockTerms, find_lock, read_locks
from store.locks.support import require_support, supported_on
from store.locks.transitions import acquire, end_overdue, require_version
from store.platforms.outbox import EventType, append_events
from store.register import keys as register_keys

_LOCKS_PER_PIPELINE = 500
_SHOW = """
if redis.call('GET', KEYS[1]) == ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1])
redis.call('XADD', KEYS[2], 'MAXLEN', '~', '1000000', '0-*', 'lock', ARGV[2])
return 1
"""
_HIDE = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"
"""Deletes the key only if it still names this lock: the target may have a new one."""
_EVENTS = {LockState.RELEASED: EventType.LOCK_RELEASED, LockState.LIFTED: EventType.LOCK_LIFTED}
"""Ends that are reported to the platform. A confirmation is not: it comes from the platform."""


class LockStore:
    """Locks in SQL, shown in Redis."""

    def __init__(self, engine: AsyncEngine, redis: "Redis", chain: HashChain) -> None:
        self._engine = engine
        self._writer = writing(engine)
        self._redis = redis
        self._chain = chain
        self.unshown = False
        """Whether Redis does not show a lock that is held; ``show_all`` repairs that."""

    async def acquire_with_decision(
        self, make_entry: Callable[[Sequence[Lock]], DecisionEntry], requests: Sequence[LockRequest], terms: LockTerms
    ) -> list[Lock]:
        """Acquire locks and write the decision in one transaction; then show the locks in Redis.

        A target that is locked already keeps its lock, which these listings then support too. Raises
        ``LockSupportLostError`` and ``SQLAlchemyError``; then no lock was made.
        """
        async with self._writer.begin() as connection:
            await self._chain.lock_appends(connection, decisions)
            keys = {key for request in requests for key in request.listings}
            await require_support(connection, keys, terms.subjects)
            if requests:
                await self._chain.lock_appends(connection, lock_changes)
            held = [await acquire(connection, self._chain, request, terms) for request in requests]
            await record_decisions(connection, self._chain, [make_entry(held)])
        await self.show(held)
        return held

    async def released_listings(self, target_keys: Sequence[str]) -> set[tuple[str, str]]:
        """Pairs of target and listing of released locks: the listing must not lock the target again."""
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
        """The valid locks on these targets that rest on no listing or on one in force. ``now`` is in milliseconds."""
        query = select(locks).where(locks.c.target_key.in_(target_keys), locks.c.ended_at.is_(None))
        async with self._engine.connect() as connection:
            valid = [lock for lock in await read_locks(connection, query) if lock.is_valid(now)]
            return await supported_on(connection, valid, civil_day(from_milliseconds(now)))

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
        """Release or confirm a held lock, or lift one that no listing supports; None when there is no such lock.

        ``seen`` are versions of which the lock must have one: else raises ``LockChangedError``.
        """
        async with self._writer.begin() as connection:
            await self._chain.lock_appends(connection, lock_changes)
            if seen is not None:
                await require_version(connection, lock_id, seen)
            held = (locks.c.id == lock_id) & locks.c.ended_at.is_(None)
            if state is LockState.LIFTED:
                # Since the caller has read the lock, a listing may have been added to it.
                held &= ~select(lock_listings.c.lock_id).where(lock_listings.c.lock_id == locks.c.id).exists()
            ended = update(locks).where(held).values(ended_at=now, state=state.value)
            if (await connection.execute(ended)).rowcount == 0:
                return None
            change = lock_change_row(lock_id, state, now, client, operator, reason, document_no)
            await self._chain.append(connection, lock_changes, [change])
            lock = await find_lock(connection, lock_id)
            assert lock is not None
            if state in _EVENTS:
                await append_events(connection, self._chain, [lock_event(lock, _EVENTS[state], reason)], now)
        await self.hide([(lock.target_key, lock.id)])
        return lock

    async def expire_due(self, now: int) -> list[Lock]:
        """End the locks whose term is over, and report it to their platforms; empty when none is due."""
        due = (locks.c.state == LockState.HELD) & (locks.c.expires_at <= now)
        async with self._engine.connect() as connection:
            if (await connection.execute(select(locks.c.id).where(due).limit(1))).first() is None:
                return []
        async with self._writer.begin() as connection:
            ended = await end_overdue(connection, self._chain, due, now)
        await self.hide([(lock.target_key, lock.id) for lock in ended])
        return ended

    async def hide(self, ended: Sequence[tuple[str, str]]) -> None:
        """Remove locks from Redis, by target key and id.

        Without Redis the keys stay: a reader that finds one looks the lock up in SQL with ``held_on``.
        """
        try:
            for target_key, lock_id in ended:
                await self._redis.eval(_HIDE, 1, register_keys.lock(target_key), lock_id)
        except (RedisError, OSError):
            return

    async def show_all(self) -> int:
        """Show every held lock in Redis; returns how many there are. Raises what a broken Redis raises."""
        self.unshown = False
        query = select(locks.c.target_key, locks.c.id).where(locks.c.ended_at.is_(None))
        async with self._engine.connect() as connection:
            held = {row[0]: row[1] for row in await connection.execute(query)}
        try:
            await self._write_shown(held)
        except (RedisError, OSError):
            self.unshown = True
            raise
        return len(held)

    async def show(self, held: Sequence[Lock]) -> None:
        """Show these locks in Redis; without Redis, ``show_all`` does it later."""
        try:
            await self._write_shown({lock.target_key: lock.id for lock in held})
        except (RedisError, OSError):
            # Processes that cannot reach Redis read locks from SQL.
            self.unshown = True

    async def _write_shown(self, held: dict[str, str]) -> None:
        """Set the keys of locks by target key, with an entry in the change log for each new one."""
        items = list(held.items())
        for start in range(0, len(items), _LOCKS_PER_PIPELINE):
            pipeline = self._redis.pipeline(transaction=True)
            for target, lock_id in items[start : start + _LOCKS_PER_PIPELINE]:
                pipeline.eval(_SHOW, 2, register_keys.lock(target), register_keys.CHANGE_LOG, lock_id, target)
            await pipeline.execute()
