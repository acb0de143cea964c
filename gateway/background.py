"""Work of a gateway process beside its requests: show locks; measure overdue locks, the event loop and the replica."""

import asyncio
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from time import monotonic, perf_counter

import structlog
from sqlalchemy.exc import SQLAlchemyError

from gateway.metrics import LOCKS_OVERDUE, LOOP_DELAY, REPLICA_HEARD, REPLICA_LOADS, REPLICA_STATE
from rules.calendar import to_milliseconds
from store.locks.queries import LockQueries
from store.locks.store import LockStore
from store.replica.replica import Replica, ReplicaState

_OVERDUE_INTERVAL_S = 15.0
_SHOW_LOCKS_INTERVAL_S = 15.0
_LOOP_INTERVAL_S = 0.05
_REPLICA_INTERVAL_S = 1.0
_log = structlog.get_logger("gateway")


async def keep_locks_shown(locks: LockStore, period: float = _SHOW_LOCKS_INTERVAL_S) -> None:
    """Write every held lock to Redis: at start, after a failed write, and every ``period`` seconds.

    A process may be killed after it wrote a lock to the ledger and before it wrote it to Redis.
    """
    locks.unshown, shown = True, 0.0
    while True:
        if locks.unshown or monotonic() - shown > period:
            try:
                await locks.show_all()
                shown = monotonic()
            except Exception as error:
                locks.unshown = True
                _log.warning("locks_not_shown", error=type(error).__name__)
        await asyncio.sleep(min(1.0, period))


async def count_overdue(queries: LockQueries, clock: Callable[[], datetime]) -> None:
    """Count held locks whose decision is overdue, for as long as the process runs."""
    known: set[str] = set()
    while True:
        try:
            found = await queries.overdue(to_milliseconds(clock()))
        except (SQLAlchemyError, OSError) as error:
            _log.warning("locks_not_counted", error=type(error).__name__)
        else:
            for scene in known | found.keys():
                LOCKS_OVERDUE.labels(scene).set(found.get(scene, 0))
            known |= found.keys()
        await asyncio.sleep(_OVERDUE_INTERVAL_S)


async def watch_loop() -> None:
    """Measure how late the event loop wakes a task, for as long as the process runs."""
    while True:
        due = perf_counter() + _LOOP_INTERVAL_S
        await asyncio.sleep(_LOOP_INTERVAL_S)
        LOOP_DELAY.observe(max(0.0, perf_counter() - due))


async def show_replica(replica: Replica) -> None:
    """Put the replica's state, age and loads into the metrics for as long as the process runs."""
    shown: Counter[str] = Counter()
    while True:
        state = replica.state
        for known in ReplicaState:
            REPLICA_STATE.labels(known).set(int(known is state))
        if state is not ReplicaState.LOADING:
            REPLICA_HEARD.observe(replica.heard_ms / 1000)
        for cause, count in (replica.loads - shown).items():
            REPLICA_LOADS.labels(cause).inc(count)
        shown = Counter(replica.loads)
        await asyncio.sleep(_REPLICA_INTERVAL_S)
