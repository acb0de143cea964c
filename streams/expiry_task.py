"""End what is over by the clock, and carry out releases from quarantine: in ledger and register."""

import asyncio
from collections.abc import Callable
from datetime import datetime

from rules.calendar import to_milliseconds
from store.ledger.expiry import Expiry
from store.locks.store import LockStore
from streams.metrics import LISTINGS_ENDED, LOCKS_ENDED
from streams.recovery import RegisterRecovery
from streams.retry import retry_outages


async def run_expiry(
    expiry: Expiry,
    recovery: RegisterRecovery,
    locks: LockStore,
    clock: Callable[[], datetime],
    interval_s: float = 1.0,
) -> None:
    """Release, end and expire a page at a time for as long as the worker runs; pause when nothing was due."""
    while True:
        now = to_milliseconds(clock())
        released = await retry_outages("ledger", expiry.apply_released, now)
        ended = await retry_outages("ledger", expiry.end_due, now)
        for page in (released, ended):
            if page.changes:
                await retry_outages("register", recovery.apply, page.changes)
            await recovery.hide_locks(page.lifted)
        LISTINGS_ENDED.inc(sum(not change.places for change in ended.changes))
        expired = await retry_outages("ledger", locks.expire_due, now)
        LOCKS_ENDED.labels("expired").inc(len(expired))
        if not released and not ended:
            await asyncio.sleep(interval_s)
