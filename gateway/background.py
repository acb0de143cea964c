"""The background tasks of a gateway process: one list of all of them, and those that belong nowhere else."""

import asyncio
import os
import signal
from collections import Counter
from collections.abc import Callable, Coroutine
from datetime import datetime
from time import monotonic, perf_counter
from typing import Any

import structlog
from sqlalchemy.exc import SQLAlchemyError

from gateway.container import Container
from gateway.metrics import LOCKS_OVERDUE, LOOP_DELAY, REPLICA_HEARD, REPLICA_LOADS, REPLICA_STATE
from rules.calendar import to_milliseconds
from store.locks.queries import LockQueries
from store.locks.store import LockStore
from store.replica.replica import Replica, ReplicaState

_OVERDUE_INTERVAL_S = 15.0
_LOCK_REWRITE_INTERVAL_S = 15.0
_LOOP_PROBE_INTERVAL_S = 0.05
_REPLICA_INTERVAL_S = 1.0
_log = structlog.get_logger("gateway")


def start_background_tasks(container: Container) -> list[asyncio.Task[None]]:
    """Start every task that runs beside the requests. The process ends when one of them fails."""
    work: dict[str, Coroutine[Any, Any, None]] = {
        "replica": container.replica_follower.run(),
        "replica_metrics": export_replica(container.replica),
        "clients": container.authenticator.keep_fresh(),
        "audit": container.audit_buffer.keep_sending(),
        "locks": keep_locks_shown(container.locks),
        "overdue_locks": count_overdue(LockQueries(container.engine), container.clock),
        "policy": container.policy_store.keep_fresh(),
        "formats": container.format_store.keep_fresh(),
        "data_freshness": container.data_freshness.keep_fresh(),
        "metrics_batch": container.metrics_batch.keep_flushing(),
        "canary": container.canary.keep_running(),
        "events": container.event_hub.keep_polling(),
        "event_loop": probe_event_loop(),
    }
    tasks = [asyncio.create_task(coroutine, name=name) for name, coroutine in work.items()]
    for task in tasks:
        task.add_done_callback(_end_process_on_failure)
    return tasks


def _end_process_on_failure(task: asyncio.Task[None]) -> None:
    """End the process: without one of its tasks its answers would degrade unnoticed."""
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.critical("task_failed", task=task.get_name(), error=type(error).__name__, exc_info=error)
        os.kill(os.getpid(), signal.SIGTERM)


async def stop_background_tasks(tasks: list[asyncio.Task[None]]) -> None:
    """Cancel the tasks and wait for their end."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def keep_locks_shown(locks: LockStore, interval_s: float = _LOCK_REWRITE_INTERVAL_S) -> None:
    """Write every held lock to Redis: at start, after a failed write, and at each interval.

    A process may be killed after it wrote a lock to the ledger and before it wrote it to Redis.
    """
    locks.unshown, written_at = True, 0.0
    while True:
        if locks.unshown or monotonic() - written_at > interval_s:
            try:
                await locks.show_all()
                written_at = monotonic()
            except Exception as error:
                locks.unshown = True
                _log.warning("locks_not_shown", error=type(error).__name__)
        await asyncio.sleep(min(1.0, interval_s))


async def count_overdue(queries: LockQueries, clock: Callable[[], datetime]) -> None:
    """Export the number of held locks whose decision is overdue, by scene."""
    scenes: set[str] = set()
    while True:
        try:
            overdue = await queries.overdue(to_milliseconds(clock()))
        except (SQLAlchemyError, OSError) as error:
            _log.warning("locks_not_counted", error=type(error).__name__)
        else:
            for scene in scenes | overdue.keys():
                LOCKS_OVERDUE.labels(scene).set(overdue.get(scene, 0))
            scenes |= overdue.keys()
        await asyncio.sleep(_OVERDUE_INTERVAL_S)


async def probe_event_loop() -> None:
    """Measure how late the event loop resumes a task."""
    while True:
        due = perf_counter() + _LOOP_PROBE_INTERVAL_S
        await asyncio.sleep(_LOOP_PROBE_INTERVAL_S)
        LOOP_DELAY.observe(max(0.0, perf_counter() - due))


async def export_replica(replica: Replica) -> None:
    """Export the replica's state, its age and the number of its loads."""
    exported: Counter[str] = Counter()
    while True:
        current = replica.state
        for state in ReplicaState:
            REPLICA_STATE.labels(state).set(int(state is current))
        if current is not ReplicaState.LOADING:
            REPLICA_HEARD.observe(replica.heard_ms / 1000)
        for cause, count in (replica.loads - exported).items():
            REPLICA_LOADS.labels(cause).inc(count)
        exported = Counter(replica.loads)
        await asyncio.sleep(_REPLICA_INTERVAL_S)
