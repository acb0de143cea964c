"""Keep ledger and register up with the clock and with what people have released, feed or no feed."""

import asyncio
from collections.abc import Callable
from datetime import datetime

from rules.calendar import to_milliseconds
from store.ledger.expiry import Expiry
from store.locks.store import LockStore
from streams.metrics import LISTINGS_ENDED, LOCKS_ENDED
from streams.recovery import Recovery
from streams.retry import until_done


async def keep_up_with_the_clock(
    upkeep: Expiry, recovery: Recovery, locks: LockStore, clock: Callable[[], datetime], period: float = 1.0
) -> None:
    """Carry out releases and end what is over, for as long as the worker runs. ``period`` is in seconds."""
    while True:
        now = to_milliseconds(clock())
        released = await until_done(lambda now=now: upkeep.apply_released(now), "ledger")  # type: ignore[misc]
        ended = await until_done(lambda now=now: upkeep.end_due(now), "ledger")  # type: ignore[misc]
        for settled in (released, ended):
            if settled.changes:
                await until_done(lambda changes=settled.changes: recovery.apply(changes), "register")  # type: ignore[misc]
            await recovery.hide(settled.lifted)
        LISTINGS_ENDED.inc(sum(not change.places for change in ended.changes))
        expired = await until_done(lambda now=now: locks.expire_due(now), "ledger")  # type: ignore[misc]
        LOCKS_ENDED.labels("expired").inc(len(expired))
        if not released and not ended:
            await asyncio.sleep(period)
