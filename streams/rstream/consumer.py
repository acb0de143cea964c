"""The consumer: reads all partitions of its topics while it holds the lease, and commits what was acknowledged."""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

import structlog
from faust.exceptions import ImproperlyConfigured
from faust.types import TP, ConsumerMessage
from mode import Service

from store.broker.stream_entry import Entry
from store.broker.stream_faults import is_outage
from store.broker.stream_retention import trim
from streams.rstream import faust_internals
from streams.rstream.lease import Lease
from streams.rstream.log_queries import LogQueries
from streams.rstream.outage import ignore_outage, retry_during_outage
from streams.rstream.positions import Positions

_START_TIMEOUT_S = 30.0
"""How long a starting worker waits for the server, which may be reading its append-only file."""
_OUTAGE_PAUSE_S = 0.5
_NOTHING_TO_READ_PAUSE_S = 0.1
_STOP_GRACE_S = 0.5
"""For the last commit, and again for releasing the lease."""
_DEFAULT_POLL_RECORDS = 500
_SENDER_TIMESTAMP = 0
"""Kafka's timestamp type CreateTime: the sender's clock."""
_log = structlog.get_logger("streams.rstream")


class Consumer(LogQueries):
    """At least once: starts at the committed offsets, and again there after the server has restarted."""

    def __init__(self, *positional: Any, **named: Any) -> None:  # noqa: ANN401
        self._assigned: set[TP] = set()
        self._topics: frozenset[str] = frozenset()
        self._server: str | None = None
        self._generation = 0
        self._assigning = asyncio.Lock()
        super().__init__(*positional, **named)
        self._log = self.transport.log
        self._options = self.transport.options
        self._group: str = self.app.conf.id
        self._positions = Positions(self._log, self._group)
        self._lease = Lease(self._log, self._group, self._options.lease_seconds)

    async def on_start(self) -> None:
        """Acquire the lease. Raises ``LeaseHeldError`` when another worker holds it."""
        if self.in_transaction:
            raise ImproperlyConfigured("rstream:// has no transactions: use processing_guarantee='at_least_once'")
        await super().on_start()
        await self.wait(retry_during_outage(self, self._lease.acquire, "lease", _START_TIMEOUT_S))

    async def on_stop(self) -> None:
        """Commit what was acknowledged and release the lease, unless the server is unavailable."""
        await super().on_stop()
        with ignore_outage():
            async with asyncio.timeout(_STOP_GRACE_S):
                await self._lease.release()

    async def on_shutdown(self) -> None:
        """Close the connections."""
        await self._log.close()

    @Service.task  # type: ignore[untyped-decorator]
    async def _keep_lease(self) -> None:
        """Renew the lease; after an outage acquire it again, or crash the worker when another one holds it."""
        while True:
            await self.sleep(self._lease.ttl_seconds / 3)
            if self.should_stop:
                return
            with ignore_outage():
                await self._lease.renew()

    @Service.task  # type: ignore[untyped-decorator]
    async def _trim(self) -> None:
        async for _ in self.itertimer(self._options.trim_seconds, name="trim"):
            with ignore_outage():
                for topic in self._topics if self._lease.is_held else ():
                    deleted = await trim(self._log, topic, self._group, self._options.retention)
                    _log.debug("stream_log_trimmed", topic=topic, deleted=deleted)

    async def subscribe(self, topics: Iterable[str]) -> None:
        """Read these topics from now on; declares those that do not exist."""
        # Not awaited: the assignment waits for Faust's conductor, and the conductor for this call.
        self.add_future(self._assign(frozenset(topics)))

    async def _assign(self, topics: frozenset[str]) -> None:
        """A rebalance in which this worker gets every partition."""
        async with self._assigning:
            faust_internals.begin_rebalance(self.app)
            await self.on_partitions_revoked(set(self._assigned))
            self._topics = topics
            self._server = await retry_during_outage(self, self._log.server_run_id, "server")
            self._assigned = await retry_during_outage(self, self._all_partitions, "topics")
            self._generation += 1
            faust_internals.assign(self.app, self._assigned, self._generation)
            await self.seek_to_committed()
            await self.on_partitions_assigned(set(self._assigned), self._generation)

    def _reassign_after_restart(self) -> None:
        """Continue from the committed offsets: a server that restarted may have lost its newest entries."""
        if self._server is not None:
            _log.warning("stream_log_restarted", group=self._group)
            self._server = None
            self._positions.clear()
            self.add_future(self._assign(self._topics))

    async def _all_partitions(self) -> set[TP]:
        counts = {topic: await self._log.declare_topic(topic, self.app.conf.topic_partitions) for topic in self._topics}
        return {TP(topic, number) for topic, size in counts.items() for number in range(size)}

    def assignment(self) -> set[TP]:
        """Every partition of the topics."""
        return set(self._assigned)

    async def seek_to_committed(self) -> dict[TP, int]:
        """Continue at the committed offsets; without a commit, as ``consumer_auto_offset_reset`` says."""
        latest = self.app.conf.consumer_auto_offset_reset == "latest"
        positions = self._positions
        return await retry_during_outage(
            self, lambda: positions.seek_to_committed(self._assigned, latest=latest), "seek"
        )

    async def _getmany(self, active_partitions: set[TP] | None, timeout: float) -> dict[TP, list[Entry]]:  # noqa: ASYNC109
        wanted = self._assigned if active_partitions is None else active_partitions
        requested = self._positions.of_all(wanted)
        if not requested or not self._lease.is_held:
            await self.sleep(min(timeout, _NOTHING_TO_READ_PAUSE_S))
            return {}
        try:
            result = await self._log.read(
                requested, self.app.conf.broker_max_poll_records or _DEFAULT_POLL_RECORDS, timeout
            )
        except Exception as error:
            if not is_outage(error):
                raise
            _log.warning("stream_log_unavailable", what="read", error=repr(error))
            await self.sleep(_OUTAGE_PAUSE_S)
            return {}
        if result.server != self._server:
            self._reassign_after_restart()
            return {}
        return self._positions.advance(requested, result.entries)

    def _to_message(self, partition: TP, entry: Entry) -> ConsumerMessage:
        return ConsumerMessage(
            partition.topic,
            partition.partition,
            entry.offset,
            entry.timestamp,
            _SENDER_TIMESTAMP,
            entry.headers,
            entry.key,
            entry.value,
            None,
            len(entry.key or b""),
            len(entry.value or b""),
            partition,
            generation_id=self.app.consumer_generation_id,
        )

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        if not self.should_stop:
            # Retried, because Faust forgets a commit that failed.
            waited = await self.wait(retry_during_outage(self, lambda: self._commit_once(offsets), "commit"))
            if not waited.stopped:
                return bool(waited.result)
        try:
            async with asyncio.timeout(_STOP_GRACE_S):
                return await self._commit_once(offsets)
        except Exception as error:
            if not is_outage(error):
                raise
            _log.warning("last_commit_failed", error=repr(error))
            return False

    async def _commit_once(self, offsets: Mapping[TP, int]) -> bool:
        if self._server is None:
            return False
        committed = await self._log.commit(self._group, offsets, self._server)
        if not committed:
            self._reassign_after_restart()
        return committed
