"""Keep the register complete: load it from the ledger when it is empty, and its tail after a Redis restart.

Redis may lose what it had not yet flushed. The register stores the highest ledger id applied in the same
append-only file, so after a loss that id tells how far back to go; applying a change again is harmless.
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
from streams.retry import retry_outages

_OVERLAP_IDS = 10_000
"""Ledger ids before the highest one that are applied again: workers run side by side, so ids arrive out of order."""
_log = structlog.get_logger("streams.recovery")


class RegisterRecovery:
    """Loads and completes the register; one load at a time within a worker."""

    def __init__(
        self, redis: "Redis", listing_queries: ListingQueries, writer: RegisterWriter, locks: LockStore
    ) -> None:
        self._redis = redis
        self._listing_queries = listing_queries
        self._writer = writer
        self._locks = locks
        self._loading = asyncio.Lock()
        self._server_run_id: str | None = None

    async def ensure_loaded(self) -> None:
        """Return once the register is complete. Raises the error of a dependency that is unavailable."""
        async with self._loading:
            run_id = (await self._redis.info("server"))["run_id"]
            if not await self._writer.is_loaded():
                await self._load(0, "whole")
            elif run_id != self._server_run_id:
                await self._load(max(0, await self._writer.highest_ledger_id() - _OVERLAP_IDS), "tail")
            self._server_run_id = run_id

    async def apply(self, changes: Sequence[RegisterChange]) -> None:
        """Apply changes to the register, loading it first if it has lost its content."""
        try:
            await self._writer.apply(changes)
        except RegisterNotLoadedError:
            await self.ensure_loaded()
            await self._writer.apply(changes)

    async def hide_locks(self, lifted: Sequence[tuple[str, str]]) -> None:
        """Remove lifted locks (target key, lock id) from Redis; a check that still sees one looks it up in SQL."""
        await self._locks.hide(lifted)
        LOCKS_ENDED.labels("lifted").inc(len(lifted))

    async def keep_loaded(self, is_consuming: Callable[[], bool] = lambda: True, interval_s: float = 1.0) -> None:
        """Check the register for as long as the worker runs, also when no feed arrives.

        Writes the heartbeat while the worker consumes its topics and the ledger answers.
        """
        while True:
            await retry_outages("register", self.ensure_loaded)
            await retry_outages("ledger", self._listing_queries.ping)
            if is_consuming():
                await retry_outages("register", self._writer.heartbeat)
            await asyncio.sleep(interval_s)

    async def _load(self, after: int, extent: str) -> None:
        """Apply all listings changed after that ledger id, and all locks."""
        await self._writer.begin_loading()
        applied = 0
        async for page in self._listing_queries.changes_since(after):
            applied += len(await self._writer.apply(page))
        await self._locks.show_all()
        await self._writer.finish_loading()
        REBUILDS.labels(extent).inc()
        _log.info("register_loaded", extent=extent, listings=applied)
