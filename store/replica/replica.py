"""The register as one gateway process knows it: which keys have no listing and which targets have no lock.

``follower`` keeps it current; checks query it without I/O. While it is current it never misses a key that has a
listing. It may keep a key that has none any more: the listings under such a key are read from the register.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable
from enum import StrEnum
from time import monotonic

from rules.faults import CreditGateError
from store.register import keys as register_keys
from store.register.metadata import RegisterMetadata
from store.register.reader import RegisterState
from store.replica.cache import ListingCache
from store.replica.key_filter import KeyFilter
from store.replica.snapshot import Snapshot
from store.replica.source import ChangeEntry, RegisterPosition, ServerIdentity

_STALE_AFTER_S = 1.0
"""Without an answer of Redis for this long the replica is stale."""
_MAX_ADDED_KEYS = 1_000_000
"""Keys added since the load, beyond which it is loaded again: they take more memory than loaded ones."""


class ReplicaState(StrEnum):
    """``loading``: not loaded yet. ``stale``: Redis does not answer. ``lost``: changes may be missing."""

    LOADING = "loading"
    CURRENT = "current"
    STALE = "stale"
    LOST = "lost"


class ChangeLogGapError(CreditGateError):
    """The replica may have missed a change and must be loaded again; ``cause`` says why."""

    def __init__(self, cause: str) -> None:
        super().__init__(cause)
        self.cause = cause


class Replica:
    """Keys, locks and position of one register, for as long as the process runs."""

    def __init__(self) -> None:
        self._key_filter = KeyFilter()
        self._locked_targets: set[str] = set()
        self._server: ServerIdentity | None = None
        self._metadata: RegisterMetadata | None = None
        self._metadata_read_at = 0.0
        self._heard_at = 0.0
        self._complete = False
        self._load_attempted = asyncio.Event()
        self._change_waiters: dict[bytes, list[asyncio.Future[None]]] = {}
        self.listing_cache = ListingCache()
        """Listings read from the register since the load, by any look-up."""
        self.sequence = 0
        self.loads: Counter[str] = Counter()
        """Loads by their cause; the first is ``start``."""

    # Answers to checks: no I/O, and no call more than needed.

    def current_state(self) -> RegisterState | None:
        """The register's state if the replica is current and the register was ever fed; else None."""
        metadata, now = self._metadata, monotonic()
        if metadata is None or not metadata.applied or not self._complete or now - self._heard_at > _STALE_AFTER_S:
            return None
        age_ms = metadata.age_ms
        age_ms = None if age_ms is None else age_ms + round((now - self._metadata_read_at) * 1000)
        heard_ms = round((now - self._heard_at) * 1000)
        return RegisterState(metadata.epoch, self.sequence, metadata.listings, metadata.applied, age_ms, heard_ms)

    def may_have_listing(self, key: str) -> bool:
        """Whether the register may hold a listing under that key. False is certain while the replica is current."""
        return self._key_filter.may_contain(key)

    def may_be_locked(self, target: str) -> bool:
        """Whether that target may be locked. False is certain while the replica is current."""
        return target in self._locked_targets

    def add_lock(self, target: str) -> None:
        """Add a lock that this process acquired, before it arrives through the change log."""
        self._locked_targets.add(target)

    # Its state.

    @property
    def state(self) -> ReplicaState:
        """Whether it is current now, and if not, why."""
        if self._metadata is None:
            return ReplicaState.LOADING
        if not self._complete:
            return ReplicaState.LOST
        return ReplicaState.CURRENT if monotonic() - self._heard_at <= _STALE_AFTER_S else ReplicaState.STALE

    @property
    def heard_ms(self) -> int:
        """Milliseconds since the last answer of Redis."""
        return round((monotonic() - self._heard_at) * 1000)

    @property
    def generation(self) -> str:
        """The generation that was loaded."""
        return self._metadata.generation if self._metadata else register_keys.FIRST_GENERATION

    @property
    def key_count(self) -> int:
        """How many subject and name keys it holds."""
        return len(self._key_filter)

    async def wait_for_load_attempt(self) -> None:
        """Return once it was loaded, or a load has failed."""
        await self._load_attempted.wait()

    def next_change(self, listing_key: str) -> "asyncio.Future[None]":
        """A future that is done when the next change of that listing arrives."""
        change: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        pending = [other for other in self._change_waiters.get(listing_key.encode(), ()) if not other.done()]
        self._change_waiters[listing_key.encode()] = [*pending, change]
        return change

    # Updates by the follower.

    def install(self, snapshot: Snapshot, position: RegisterPosition, cause: str) -> None:
        """Replace everything by a snapshot that was loaded from that position."""
        self._key_filter, self._locked_targets = snapshot.key_filter, snapshot.locked_targets
        self._server, self._metadata, self._metadata_read_at = position.server, position.metadata, position.read_at
        self.sequence, self._complete = position.sequence, True
        self.listing_cache = ListingCache()
        self.loads[cause] += 1

    def can_resume_at(self, position: RegisterPosition) -> bool:
        """Whether the change log at that position still has every change after the replica's own sequence."""
        known, metadata = self._metadata, position.metadata
        return (
            self._complete
            and known is not None
            and metadata is not None
            and position.server == self._server
            and (metadata.epoch, metadata.generation) == (known.epoch, known.generation)
            and position.sequence >= self.sequence
        )

    def update_metadata(self, position: RegisterPosition) -> None:
        """Take over the metadata. Raises ``ChangeLogGapError`` when it is that of another register or history."""
        known, metadata = self._metadata, position.metadata
        if position.server != self._server:
            raise ChangeLogGapError("server")
        if metadata is None or known is None or metadata.epoch != known.epoch:
            raise ChangeLogGapError("epoch")
        if metadata.generation != known.generation:
            raise ChangeLogGapError("generation")
        if position.sequence < self.sequence:
            raise ChangeLogGapError("log_shorter")
        self._metadata, self._metadata_read_at = metadata, position.read_at

    def apply(self, entries: Iterable[ChangeEntry]) -> None:
        """Apply changes in order. Raises ``ChangeLogGapError`` if one is missing or the register was rebuilt."""
        for name, fields in entries:
            sequence = int(name.split(b"-")[1])
            if sequence != self.sequence + 1:
                raise ChangeLogGapError("gap")
            if b"generation" in fields:
                raise ChangeLogGapError("generation")
            listing, places = fields.get(b"listing"), fields.get(b"places", b"").decode().split()
            if listing is not None:
                self._key_filter.add(places)
                self.listing_cache.invalidate(listing.decode(), places)
                self._wake_waiters(listing)
            lock = fields.get(b"lock")
            if lock is not None:
                self._locked_targets.add(lock.decode())
            self.sequence = sequence
        if self._key_filter.added_count > _MAX_ADDED_KEYS:
            raise ChangeLogGapError("grown")

    def _wake_waiters(self, listing: bytes) -> None:
        for waiter in self._change_waiters.pop(listing, ()):
            if not waiter.done():
                waiter.set_result(None)

    def mark_heard(self, at: float) -> None:
        """All changes that the log had at that time (``time.monotonic``) are applied."""
        self._heard_at = at

    def mark_incomplete(self) -> None:
        """Changes may be missing until the next ``install``."""
        self._complete = False

    def mark_load_attempted(self) -> None:
        """A load has succeeded or failed."""
        self._load_attempted.set()
