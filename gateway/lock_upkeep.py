"""What a gateway process looks after beside its requests."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from time import monotonic

import structlog
from sqlalchemy.exc import SQLAlchemyError

from gateway.metrics import LOCKS_OVERDUE
from rules.calendar import to_milliseconds
from store.locks.queries import LockQueries
from store.locks.store import LockStore

_COUNTING, _SHOWING = 15.0, 15.0
_log = structlog.get_logger("gateway")


async def keep_locks_shown(locks: LockStore, period: float = _SHOWING) -> None:
    """Show every held lock once Redis and the ledger answer, after one that Redis did not take, and now and then.

    A process may be killed between the ledger's word and the showing, and nobody else would know.
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


async def count_overdue(pages: LockQueries, clock: Callable[[], datetime]) -> None:
    """Count held locks that nobody decided on in time, for as long as the process runs."""
    known: set[str] = set()
    while True:
        try:
            found = await pages.overdue(to_milliseconds(clock()))
        except (SQLAlchemyError, OSError) as error:
            _log.warning("locks_not_counted", error=type(error).__name__)
        else:
            for scene in known | found.keys():
                LOCKS_OVERDUE.labels(scene).set(found.get(scene, 0))
            known |= found.keys()
        await asyncio.sleep(_COUNTING)
