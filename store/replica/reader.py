"""Look-ups of a gateway process: by its replica, its cache, and the register itself.

Keys without a listing are ruled out by the replica, cached listings come from memory, all others from Redis.
"""

from collections.abc import Sequence

from store.register.reader import LookUp, RegisterReader, RegisterState
from store.replica.coalesced_reader import CoalescedReader
from store.replica.replica import Replica


class ReplicaReader:
    """Look-ups of one gateway process."""

    def __init__(self, replica: Replica, reader: RegisterReader) -> None:
        self._replica = replica
        self._register = reader
        self._whole_look_ups = CoalescedReader(reader)
        self._content_look_ups = CoalescedReader(ContentsReader(replica, reader))

    async def look_up(
        self,
        keys: Sequence[str],
        targets: Sequence[str] = (),
        *,
        bypass_replica: bool = False,
        bypass_cache: bool = False,
    ) -> LookUp:
        """All listings filed under those keys, and the locks on those targets. Raises ``RegisterUnavailableError``.

        Keys and targets that the replica rules out are left out of the result. ``bypass_cache`` reads the listings
        of all others from the register; ``bypass_replica``, or a replica that is not current, everything.
        """
        state = None if bypass_replica else self._replica.current_state()
        if state is None:
            return await self._whole_look_ups.look_up(keys, targets)
        possible_keys = [key for key in keys if self._replica.may_have_listing(key)]
        possible_locks = [target for target in targets if self._replica.may_be_locked(target)]
        if not possible_keys and not possible_locks:
            return LookUp({}, {}, state)
        cached = None if bypass_cache or possible_locks else self._replica.listing_cache.get(possible_keys)
        if cached is not None:
            return LookUp(cached, {}, state, from_cache=True)
        return await self._content_look_ups.look_up(possible_keys, possible_locks)

    async def state(self) -> RegisterState:
        """The register's state, read from the register. Raises ``RegisterUnavailableError``."""
        return await self._register.state()


class ContentsReader:
    """Reads the listings under keys that the replica cannot rule out, without the register's metadata."""

    def __init__(self, replica: Replica, reader: RegisterReader) -> None:
        self._replica = replica
        self._register = reader

    async def look_up(self, keys: Sequence[str], lock_targets: Sequence[str]) -> LookUp:
        """As ``RegisterReader.look_up``, with the replica's state if that is current."""
        state = self._replica.current_state()
        if state is None:
            return await self._register.look_up(keys, lock_targets)
        cache, sequence = self._replica.listing_cache, self._replica.sequence
        found = await self._register.look_up_contents(self._replica.generation, keys, lock_targets, state)
        if all(found.listings.values()):
            if self._replica.sequence == sequence:
                cache.put(found.listings)
            return found
        # Removed since, or another generation is in force and the replica does not know it yet.
        return await self._register.look_up(keys, lock_targets)
