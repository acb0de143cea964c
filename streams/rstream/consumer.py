"""The consumer: reads all partitions of its topics while it holds the lease, and commits what was acked."""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

import structlog
from faust.exceptions import ImproperlyConfigured
from faust.transport.consumer import Consumer as FaustConsumer
from faust.types import TP, ConsumerMessage
from mode import Service

from store.broker.stream_entry import Entry
from store.broker.stream_faults import is_outage
from store.broker.stream_log import StreamLog
from store.broker.stream_retention import trim
from streams.rstream import faust_internals
from streams.rstream.lease import Lease
from streams.rstream.outage import through_outages
from streams.rstream.positions import Positions

_START_PATIENCE = 30.0
"""Seconds a worker waits for the server when it starts: it may be reading its file."""
_OUTAGE_PAUSE = 0.5
_STOP_GRACE = 0.5
"""Seconds for the last commit, and again for giving the lease back."""
_log = structlog.get_logger("streams.rstream")


class Consumer(FaustConsumer):  # type: ignore[misc]
    """At least once: positions start at what was committed, and again there when the server restarted."""

    def __init__(self, *positional: Any, **named: Any) -> None:  # noqa: ANN401
        self._assigned: set[TP] = set()
        self._topics: frozenset[str] = frozenset()
        self._server: str | None = None
        self._generation = 0
        self._assigning = asyncio.Lock()
        super().__init__(*positional, **named)
        self._log: StreamLog = self.transport.log
        self._options = self.transport.options
        self._group: str = self.app.conf.id
        self._positions = Positions(self._log, self._group)
        self._lease = Lease(self._log, self._group, self._options.lease_seconds)

    async def on_start(self) -> None:
        """Take the lease. Raises ``LeaseHeldError`` when another worker keeps it."""
        if self.in_transaction:
            raise ImproperlyConfigured("rstream:// has no transactions: use processing_guarantee='at_least_once'")
        await super().on_start()
        await self.wait(through_outages(self, self._lease.acquire, "lease", _START_PATIENCE))

    async def on_stop(self) -> None:
        """Commit what was acked and give the lease back, unless the server is away."""
        await super().on_stop()
        try:
            async with asyncio.timeout(_STOP_GRACE):
                await self._lease.release()
        except Exception as error:
            if not is_outage(error):
                raise

    async def on_shutdown(self) -> None:
        """Close the connections."""
        await self._log.close()

    @Service.task  # type: ignore[untyped-decorator]
    async def _keep_lease(self) -> None:
        """Renew the lease; after an outage take it again, or crash the worker when another has it."""
        while True:
            await self.sleep(self._lease.seconds / 3)
            if self.should_stop:
                return
            try:
                await self._lease.renew()
            except Exception as error:
                if not is_outage(error):
                    raise

    @Service.task  # type: ignore[untyped-decorator]
    async def _trim(self) -> None:
        async for _ in self.itertimer(self._options.trim_seconds, name="trim"):
            try:
                for topic in self._topics if self._lease.is_held else ():
                    dropped = await trim(self._log, topic, self._group, self._options.retention)
                    _log.debug("log_trimmed", topic=topic, dropped=dropped)
            except Exception as error:
                if not is_outage(error):
                    raise

    async def subscribe(self, topics: Iterable[str]) -> None:
        """Read these topics from now on; they are declared if need be."""
        # Not awaited: the assignment waits for the conductor, and the conductor for this call.
        self.add_future(self._assign(frozenset(topics)))

    async def _assign(self, topics: frozenset[str]) -> None:
        """Go through a rebalance in which this worker gets every partition."""
        async with self._assigning:
            faust_internals.begin_rebalance(self.app)
            await self.on_partitions_revoked(set(self._assigned))
            self._topics = topics
            self._server = await through_outages(self, self._log.server, "server")
            self._assigned = await through_outages(self, self._places, "topics")
            self._generation += 1
            faust_internals.assign(self.app, self._assigned, self._generation)
            await self.seek_to_committed()
            await self.on_partitions_assigned(set(self._assigned), self._generation)

    def _start_over(self) -> None:
        """Begin again from what is committed: a server that restarted may have lost its newest entries."""
        if self._server is not None:
            _log.warning("log_restarted", group=self._group)
            self._server = None
            self._positions.clear()
            self.add_future(self._assign(self._topics))

    async def _places(self) -> set[TP]:
        counts = {topic: await self._log.declare_topic(topic, self.app.conf.topic_partitions) for topic in self._topics}
        return {TP(topic, number) for topic, size in counts.items() for number in range(size)}

    def assignment(self) -> set[TP]:
        """Every partition of the topics."""
        return set(self._assigned)

    async def seek_to_committed(self) -> dict[TP, int]:
        """Continue where the group has committed; where it never did, as ``auto_offset_reset`` says."""
        latest = self.app.conf.consumer_auto_offset_reset == "latest"
        return await through_outages(self, lambda: self._positions.at_committed(self._assigned, latest=latest), "seek")

    async def _getmany(self, active_partitions: set[TP] | None, timeout: float) -> dict[TP, list[Entry]]:  # noqa: ASYNC109
        wanted = self._assigned if active_partitions is None else active_partitions
        asked = self._positions.of_all(wanted)
        if not asked or not self._lease.is_held:
            await self.sleep(min(timeout, 0.1))
            return {}
        try:
            reading = await self._log.read(asked, self.app.conf.broker_max_poll_records or 500, timeout)
        except Exception as error:
            if not is_outage(error):
                raise
            _log.warning("log_away", what="read", error=repr(error))
            await self.sleep(_OUTAGE_PAUSE)
            return {}
        if reading.server != self._server:
            self._start_over()
            return {}
        return self._positions.advance(asked, reading.entries)

    def _to_message(self, place: TP, entry: Entry) -> ConsumerMessage:
        return ConsumerMessage(
            place.topic,
            place.partition,
            entry.offset,
            entry.timestamp,
            0,  # the timestamp is the sender's
            entry.headers,
            entry.key,
            entry.value,
            None,
            len(entry.key or b""),
            len(entry.value or b""),
            place,
            generation_id=self.app.consumer_generation_id,
        )

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        if not self.should_stop:
            # Through outages, because Faust forgets a commit that failed.
            waited = await self.wait(through_outages(self, lambda: self._note(offsets), "commit"))
            if not waited.stopped:
                return bool(waited.result)
        try:
            async with asyncio.timeout(_STOP_GRACE):
                return await self._note(offsets)
        except Exception as error:
            if not is_outage(error):
                raise
            _log.warning("last_commit_failed", error=repr(error))
            return False

    async def _note(self, offsets: Mapping[TP, int]) -> bool:
        if self._server is None:
            return False
        noted = await self._log.commit(self._group, offsets, self._server)
        if not noted:
            self._start_over()
        return noted

    async def _seek(self, partition: TP, offset: int) -> None:
        self._positions.move(TP(*partition), offset)

    async def seek_wait(self, partitions: Mapping[TP, int]) -> None:
        """Continue at these offsets."""
        for place, offset in partitions.items():
            self._positions.move(place, offset)
            faust_internals.note_position(self, place, offset)

    async def position(self, tp: TP) -> int | None:
        """The next offset to be read."""
        return self._positions.of(tp)

    async def earliest_offsets(self, *partitions: TP) -> dict[TP, int]:
        """The first offsets still in the log."""
        extents = await through_outages(self, lambda: self._log.extents(partitions), "extents")
        return {place: extent.earliest for place, extent in extents.items()}

    async def highwaters(self, *partitions: TP) -> dict[TP, int]:
        """The offsets that the next records will have."""
        extents = await through_outages(self, lambda: self._log.extents(partitions), "extents")
        self._positions.ends.update({place: extent.end for place, extent in extents.items()})
        return {place: extent.end for place, extent in extents.items()}

    def highwater(self, tp: TP) -> int:
        """The end of the partition as far as it was seen."""
        return self._positions.ends.get(tp, 0)

    def topic_partitions(self, topic: str) -> int | None:
        """How many partitions the topic has, when this worker knows it."""
        return self._log.known_partitions(topic)

    def key_partition(self, topic: str, key: bytes | None, partition: int | None = None) -> int | None:
        """Where a record with this key goes, when this worker knows the topic."""
        if self._log.known_partitions(topic) is None:
            return None
        return self._log.partition_for(topic, key) if partition is None else partition

    async def create_topic(self, topic: str, partitions: int, replication: int, **_options: object) -> None:
        """Declare the topic."""
        await through_outages(self, lambda: self._log.declare_topic(topic, partitions), "declare")

    def _new_topicpartition(self, topic: str, partition: int) -> TP:
        return TP(topic, partition)
