"""Keep a replica current: load a snapshot, then follow the change log without a gap.

    read position ─▶ load snapshot ─▶ read changes after it, one by one ─▶ (gap: load again)

A gap in the sequence, another epoch, generation or server, or a log that became shorter: the replica is lost until
it is loaded again; meanwhile look-ups read the register itself.
"""

import asyncio
from collections.abc import Callable
from time import monotonic

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from store.replica.replica import ChangeLogGapError, Replica
from store.replica.snapshot import load_snapshot
from store.replica.source import CHANGES_PER_READ, close, read_changes, read_position

_BLOCK_MS = 200
"""How long Redis holds a read of the change log when there is no change."""
_SLOW_READ_S = 0.5
"""After a read that took longer, the next one does not block."""
_METADATA_INTERVAL_S = 0.5
_NOT_LOADED_DELAY_S = 0.5
_MIN_RETRY_DELAY_S, _MAX_RETRY_DELAY_S = 0.05, 2.0
_log = structlog.get_logger("register.replica")


class ReplicaFollower:
    """Follows one register for as long as the process runs.

    ``connect`` makes a client of one connection that never reconnects by itself (no retries): a new connection
    may lead to another server.
    """

    def __init__(self, replica: Replica, connect: "Callable[[], Redis]") -> None:
        self._replica = replica
        self._connect = connect

    async def run(self) -> None:
        """Load and follow; load again after a gap, reconnect after an outage. Never returns."""
        replica, cause, delay = self._replica, "start", _MIN_RETRY_DELAY_S
        while True:
            connection = self._connect()
            try:
                await self._load(connection, cause)
                replica.mark_load_attempted()
                delay = _MIN_RETRY_DELAY_S
                await self._follow(connection)
            except ChangeLogGapError as gap:
                if gap.cause != cause:
                    _log.warning("replica_lost", cause=gap.cause)
                cause = gap.cause
            except (RedisError, OSError, TimeoutError) as error:
                cause = "unreachable"
                _log.warning("replica_disconnected", error=type(error).__name__)
                await asyncio.sleep(delay)
                delay = min(delay * 2, _MAX_RETRY_DELAY_S)
            finally:
                replica.mark_load_attempted()
                if cause != "unreachable":
                    replica.mark_incomplete()
                await close(connection)

    async def _load(self, connection: "Redis", cause: str) -> None:
        """Load a snapshot unless the replica can resume where it stopped."""
        replica, position = self._replica, await read_position(connection)
        if position.metadata is None:
            replica.mark_incomplete()
            await asyncio.sleep(_NOT_LOADED_DELAY_S)
            raise ChangeLogGapError("not_loaded")
        if replica.can_resume_at(position):
            return  # not current before it has read the changes since
        replica.mark_incomplete()
        snapshot = await load_snapshot(connection, position.metadata)
        replica.install(snapshot, position, cause)
        _log.info("replica_loaded", cause=cause, keys=replica.key_count, seconds=round(snapshot.load_seconds, 3))

    async def _follow(self, connection: "Redis") -> None:
        """Apply changes as they come. Raises ``ChangeLogGapError``."""
        replica, task = self._replica, asyncio.current_task()
        metadata_read_at, block_ms = 0.0, None
        while True:
            # The client library has been seen to swallow a cancellation.
            if task is not None and task.cancelling():
                raise asyncio.CancelledError
            if monotonic() - metadata_read_at > _METADATA_INTERVAL_S:
                metadata_read_at = monotonic()
                replica.update_metadata(await read_position(connection))
            # The answer shows the log as it was when Redis received the request: it may have waited for this process.
            requested_at = monotonic()
            entries = await read_changes(connection, replica.sequence, block_ms)
            replica.apply(entries)
            more = len(entries) == CHANGES_PER_READ
            if not more:
                replica.mark_heard(requested_at)
            block_ms = None if more or monotonic() - requested_at > _SLOW_READ_S else _BLOCK_MS
