"""Keep the register whole: fill it from the ledger when it is empty, and its tail after a Redis restart.

Redis may lose what it had not yet flushed. The register notes the highest ledger id it has applied in
the same append-only file, so after a loss the mark tells how far back to go; applying again is harmless.
"""

import asyncio
from collections.abc import Callable, Sequence

import structlog
from redis.asyncio import Redis

from store.ledger.listing_queries import ListingQueries
from store.ledger.listing_row import RegisterChange
from store.locks.store import LockStore
from store.register.writer import RegisterNotLoadedError, RegisterWriter
from streams.metrics import LOCKS_ENDED, REBUILDS
from streams.retry import until_done

_TAIL = 10_000
"""Ledger ids applied again before the mark: workers apply side by side, so ids do not arrive in order."""
_log = structlog.get_logger("streams.recovery")


class Recovery:
    """Makes the register whole; one at a time within a worker."""

    def __init__(self, redis: "Redis", table: ListingQueries, writer: RegisterWriter, locks: LockStore) -> None:
        self._redis = redis
        self._table = table
        self._writer = writer
        self._locks = locks
        self._one_at_a_time = asyncio.Lock()
        self._server: str | None = None

    async def make_whole(self) -> None:
        """Return once the register is whole. Raises what a broken dependency raises."""
        async with self._one_at_a_time:
            server = (await self._redis.info("server"))["run_id"]
            if not await self._writer.is_loaded():
                await self._fill(0, "whole")
            elif server != self._server:
                await self._fill(max(0, await self._writer.ledger_mark() - _TAIL), "tail")
            self._server = server

    async def apply(self, changes: Sequence[RegisterChange]) -> None:
        """Tell the register of changes, making it whole first where it lost its content."""
        try:
            await self._writer.apply(changes)
        except RegisterNotLoadedError:
            await self.make_whole()
            await self._writer.apply(changes)

    async def hide(self, lifted: Sequence[tuple[str, str]]) -> None:
        """Take away the showing of locks that fell; whoever meets a stale one asks the ledger."""
        await self._locks.hide(lifted)
        LOCKS_ENDED.labels("lifted").inc(len(lifted))

    async def guard(self, hears: Callable[[], bool] = lambda: True, period: float = 1.0) -> None:
        """Look after the register for as long as the worker runs, also when no feed comes in.

        While the worker ``hears`` its topics and the ledger answers, the register is told that it is kept up.
        """
        while True:
            await until_done(self.make_whole, "register")
            await until_done(self._table.ping, "ledger")
            if hears():
                await until_done(self._writer.beat, "register")
            await asyncio.sleep(period)

    async def _fill(self, after: int, extent: str) -> None:
        await self._writer.begin_loading()
        applied = 0
        async for page in self._table.changes_since(after):
            applied += len(await self._writer.apply(page))
        await self._locks.show_all()
        await self._writer.finish_loading()
        REBUILDS.labels(extent).inc()
        _log.info("register_filled", extent=extent, listings=applied)
