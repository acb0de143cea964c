"""The register as one gateway process knows it: what is under nothing, by the change log, without asking.

    load: marker, last change ─▶ SCAN of all keys ─▶ follow the changes after it, one by one, without a gap

A gap, another epoch or generation, another server or fewer changes than were seen: the replica is lost, says so,
and is loaded anew aside; meanwhile whoever asks reads the register itself. So it may know of too much, never of
too little.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from enum import StrEnum
from time import monotonic
from typing import Any

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from rules.faults import CreditGateError
from store.register import keys as register_keys
from store.register.reader import RegisterState
from store.replica.cache import ListingCache
from store.replica.key_filter import KeyFilter, packed
from store.replica.source import DEADLINE, Marker, close, identity, last_sequence, read_marker, scan, streams

_BLOCK = 200
"""Milliseconds that Redis keeps a question for changes when there are none."""
_LATE = 0.5
"""Seconds after which an answer was late, and the next question does not wait for news."""
_POLL = 0.5
"""Seconds between looks at the marker."""
_CURRENT_WITHIN = 1.0
"""Seconds without a word from Redis after which the replica is stale."""
_AT_ONCE = 5000
_MOST_SINCE = 1_000_000
"""Keys since the load beyond which it is loaded anew: they take more room than those of a load."""
_FIRST_DELAY, _LONGEST_DELAY = 0.05, 2.0
_log = structlog.get_logger("register.replica")


class ReplicaState(StrEnum):
    """``loading``: never loaded yet. ``stale``: Redis is not heard. ``lost``: there may be a hole."""

    LOADING = "loading"
    CURRENT = "current"
    STALE = "stale"
    LOST = "lost"


class ChangeLogGapError(CreditGateError):
    """What was followed is not whole any more; ``cause`` says why."""

    def __init__(self, cause: str) -> None:
        super().__init__(cause)
        self.cause = cause


class Replica:
    """Follows one register for as long as the process runs.

    ``connect`` makes a client of one connection that is never healed unseen (no retries): behind another
    connection there may be another server.
    """

    def __init__(self, connect: "Callable[[], Redis]") -> None:
        self._connect = connect
        self._presence = KeyFilter()
        self._locks: set[str] = set()
        self._marker: Marker | None = None
        self._heard = 0.0
        self._whole = False
        self._server = ("", "")
        self._tried = asyncio.Event()
        self._awaited: dict[bytes, list[asyncio.Future[None]]] = {}
        self.from_cache = ListingCache()
        """What was read under keys since the load, by whoever read it."""
        self.sequence = 0
        self.reloads: Counter[str] = Counter()
        """Loads by their cause; the first is ``start``."""
        self.load_seconds = 0.0

    @property
    def state(self) -> ReplicaState:
        """How far it can be relied on, now."""
        if self._marker is None:
            return ReplicaState.LOADING
        if not self._whole:
            return ReplicaState.LOST
        return ReplicaState.CURRENT if monotonic() - self._heard <= _CURRENT_WITHIN else ReplicaState.STALE

    @property
    def heard_ms(self) -> int:
        """Milliseconds since Redis was last heard."""
        return round((monotonic() - self._heard) * 1000)

    @property
    def generation(self) -> str:
        """Of the register that was loaded."""
        return self._marker.generation if self._marker else register_keys.FIRST_GENERATION

    def known(self) -> RegisterState | None:
        """The register's state, where this replica can be relied on and something was ever fed; else None."""
        marker, now = self._marker, monotonic()
        if marker is None or not marker.applied or not self._whole or now - self._heard > _CURRENT_WITHIN:
            return None
        return self._state(marker, now)

    def register_state(self) -> RegisterState:
        """The register's state as of the last change that was followed. Only for a replica that was loaded."""
        marker = self._marker
        assert marker is not None
        return self._state(marker, monotonic())

    def _state(self, marker: Marker, now: float) -> RegisterState:
        age = None if marker.beat_age is None else marker.beat_age + round((now - marker.read_at) * 1000)
        heard = round((now - self._heard) * 1000)
        return RegisterState(marker.epoch, self.sequence, marker.listings, marker.applied, age, heard)

    def may_hold(self, key: str) -> bool:
        """Whether the register may hold a listing under that key. A no is certain while the state is current."""
        return self._presence.may_hold(key)

    def may_be_locked(self, target: str) -> bool:
        """Whether that target may be locked. A no is certain while the state is current."""
        return target in self._locks

    def note_lock(self, target: str) -> None:
        """A lock of this process: known here before the change log comes round."""
        self._locks.add(target)

    def change_of(self, listing: str) -> "asyncio.Future[None]":
        """Done when the next change of that listing has come here."""
        change: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        awaited = [other for other in self._awaited.get(listing.encode(), ()) if not other.done()]
        self._awaited[listing.encode()] = [*awaited, change]
        return change

    async def has_tried(self) -> None:
        """Return once it was loaded, or could not be."""
        await self._tried.wait()

    async def follow(self) -> None:
        """Load and follow, and again whenever there may be a hole."""
        cause, delay = "start", _FIRST_DELAY
        while True:
            connection = self._connect()
            try:
                await self._load(connection, cause)
                self._tried.set()
                delay = _FIRST_DELAY
                await self._keep_up(connection)
            except ChangeLogGapError as hole:
                if hole.cause != cause:
                    _log.warning("replica_lost", cause=hole.cause)
                cause = hole.cause
            except (RedisError, OSError, TimeoutError) as error:
                cause = "unreachable"
                _log.warning("replica_cut_off", error=type(error).__name__)
                await asyncio.sleep(delay)
                delay = min(delay * 2, _LONGEST_DELAY)
            finally:
                self._tried.set()
                self._whole = self._whole and cause == "unreachable"
                await close(connection)

    async def _load(self, connection: "Redis", cause: str) -> None:
        """Take the register in, aside; then put it in the place of what was known."""
        async with asyncio.timeout(DEADLINE):
            server = await identity(connection)
            marker = await read_marker(connection)
            sequence = await last_sequence(connection)
        if marker is None:
            self._whole = False
            await asyncio.sleep(_POLL)
            raise ChangeLogGapError("not_loaded")
        if self._same(server, marker, sequence):
            # The same server with the same content: nothing was missed that the log does not still hold. Until
            # that was followed it is not current.
            return
        began = monotonic()
        self._whole = False
        prefix = register_keys.subject(marker.generation, "")
        found = [packed(keys, len(prefix)) async for keys in scan(connection, prefix) if keys]
        locks = {
            key.decode().removeprefix(register_keys.LOCK)
            async for keys in scan(connection, register_keys.LOCK)
            for key in keys
        }
        # Sorting many keys takes a while: not on the loop that answers checks.
        presence = await asyncio.to_thread(KeyFilter, found)
        self._presence, self._locks, self._server = presence, locks, server
        self.sequence, self._marker, self._whole = sequence, marker, True
        self.from_cache = ListingCache()
        self.load_seconds = monotonic() - began
        self.reloads[cause] += 1
        _log.info("replica_loaded", cause=cause, keys=len(presence), seconds=round(self.load_seconds, 3))

    def _same(self, server: tuple[str, str], marker: Marker, sequence: int) -> bool:
        known = self._marker
        return (
            self._whole
            and known is not None
            and server == self._server
            and (marker.epoch, marker.generation) == (known.epoch, known.generation)
            and sequence >= self.sequence
        )

    async def _keep_up(self, connection: "Redis") -> None:
        polled, block, task = 0.0, None, asyncio.current_task()
        while True:
            # The client library was seen to swallow a cancellation now and then.
            if task is not None and task.cancelling():
                raise asyncio.CancelledError
            if monotonic() - polled > _POLL:
                polled = monotonic()
                await self._look_at_marker(connection)
            # What was asked for is what is known: an answer may have waited for this process, or be only a part.
            asked, taken = monotonic(), 0
            async with asyncio.timeout(DEADLINE):
                last: Any = {register_keys.CHANGES: f"0-{self.sequence}"}
                answer = await connection.xread(last, count=_AT_ONCE, block=block)
            for _, entries in streams(answer):
                self._take(entries)
                taken += len(entries)
            if taken < _AT_ONCE:
                self._heard = asked
            block = None if monotonic() - asked > _LATE or taken == _AT_ONCE else _BLOCK

    def _take(self, entries: Sequence[tuple[bytes, dict[bytes, bytes]]]) -> None:
        """Apply changes in order. Raises ``ChangeLogGapError`` if one is missing or the register was rebuilt."""
        for name, fields in entries:
            number = int(name.split(b"-")[1])
            if number != self.sequence + 1:
                raise ChangeLogGapError("gap")
            if b"generation" in fields:
                raise ChangeLogGapError("generation")
            listing, places = fields.get(b"listing"), fields.get(b"places", b"").decode().split()
            if listing is not None:
                self._presence.add(places)
                self.from_cache.forget(listing.decode(), places)
                self._tell(listing)
            lock = fields.get(b"lock")
            if lock is not None:
                self._locks.add(lock.decode())
            self.sequence = number
        if self._presence.since > _MOST_SINCE:
            raise ChangeLogGapError("grown")

    def _tell(self, listing: bytes) -> None:
        for waiting in self._awaited.pop(listing, ()):
            if not waiting.done():
                waiting.set_result(None)

    async def _look_at_marker(self, connection: "Redis") -> None:
        async with asyncio.timeout(DEADLINE):
            server = await identity(connection)
            marker = await read_marker(connection)
            last = await last_sequence(connection)
        known = self._marker
        if server != self._server:
            raise ChangeLogGapError("server")
        if marker is None or known is None or marker.epoch != known.epoch:
            raise ChangeLogGapError("epoch")
        if marker.generation != known.generation:
            raise ChangeLogGapError("generation")
        if last < self.sequence:
            raise ChangeLogGapError("log_shorter")
        self._marker = marker
