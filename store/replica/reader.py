"""Look-ups that ask the register only about what the replica cannot rule out, and many of them at once."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import structlog

from store.register.reader import LookUp, RegisterReader, RegisterState, RegisterUnavailableError
from store.replica.replica import Replica

_log = structlog.get_logger("register.replica")
_AT_ONCE = 500
"""Keys in one round trip."""


@dataclass(slots=True)
class _Waiting:
    keys: Sequence[str]
    targets: Sequence[str]
    answer: "asyncio.Future[LookUp]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Reader(Protocol):
    """Reads the register."""

    async def look_up(self, keys: Sequence[str], lock_targets: Sequence[str]) -> LookUp:
        """As ``RegisterReader.look_up``."""


class ContentsReader:
    """Reads what is filed under keys of which the replica knows that something may be there."""

    def __init__(self, replica: Replica, reader: RegisterReader) -> None:
        self._replica = replica
        self._direct = reader

    async def look_up(self, keys: Sequence[str], lock_targets: Sequence[str]) -> LookUp:
        """As ``RegisterReader.look_up``, with the replica's state where that is current."""
        state = self._replica.known()
        if state is None:
            return await self._direct.look_up(keys, lock_targets)
        from_cache, sequence = self._replica.from_cache, self._replica.sequence
        found = await self._direct.contents(self._replica.generation, keys, lock_targets, state)
        if all(found.listings.values()):
            if self._replica.sequence == sequence:
                from_cache.keep(found.listings)
            return found
        # Taken off since; or another generation is in force, of which the replica has not heard.
        return await self._direct.look_up(keys, lock_targets)


class CoalescedReader:
    """Puts the look-ups that wait at the same time into one round trip."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._waiting: list[_Waiting] = []
        self._task: asyncio.Task[None] | None = None

    async def look_up(self, keys: Sequence[str], targets: Sequence[str]) -> LookUp:
        """As ``RegisterReader.look_up``, in the company of others."""
        waiting = _Waiting(keys, targets)
        self._waiting.append(waiting)
        if self._task is None:
            self._task = asyncio.create_task(self._work_off())
        return await waiting.answer

    async def _work_off(self) -> None:
        try:
            while self._waiting:
                await self._round_trip(self._next())
        finally:
            self._task = None

    def _next(self) -> list[_Waiting]:
        taken, room = list[_Waiting](), _AT_ONCE
        while self._waiting and (not taken or len(self._waiting[0].keys) + len(self._waiting[0].targets) <= room):
            taken.append(self._waiting.pop(0))
            room -= len(taken[-1].keys) + len(taken[-1].targets)
        return taken

    async def _round_trip(self, taken: Sequence[_Waiting]) -> None:
        keys = list(dict.fromkeys(key for waiting in taken for key in waiting.keys))
        targets = list(dict.fromkeys(target for waiting in taken for target in waiting.targets))
        try:
            found = await self._reader.look_up(keys, targets)
        except Exception as error:  # whatever it is, nobody may be left waiting
            code = error.code if isinstance(error, RegisterUnavailableError) else "register_unreachable"
            if not isinstance(error, RegisterUnavailableError):
                _log.exception("register_unreadable")
            for waiting in taken:
                if not waiting.answer.done():
                    waiting.answer.set_exception(RegisterUnavailableError(code))
            return
        for waiting in taken:
            if not waiting.answer.done():  # it may have been given up
                waiting.answer.set_result(_part(found, waiting))


def _part(found: LookUp, waiting: _Waiting) -> LookUp:
    return LookUp(
        {key: found.listings[key] for key in waiting.keys},
        {target: found.locks[target] for target in waiting.targets if target in found.locks},
        found.state,
    )


class ReplicaReader:
    """Look-ups of one gateway process, from its replica where that is certain."""

    def __init__(self, replica: Replica, reader: RegisterReader) -> None:
        self._replica = replica
        self._direct = reader
        self._coalesced = CoalescedReader(reader)
        self._contents = CoalescedReader(ContentsReader(replica, reader))

    async def look_up(
        self, keys: Sequence[str], targets: Sequence[str] = (), *, fresh: bool = False, bypass_cache: bool = False
    ) -> LookUp:
        """Everything filed under those keys and the locks on those targets. Raises ``RegisterUnavailableError``.

        What the replica rules out is not asked for, nor what is remembered unless the caller wants it ``bypass_cache``;
        without a current replica, or where the caller wants it ``fresh``, everything is.
        """
        state = None if fresh else self._replica.known()
        if state is None:
            return await self._coalesced.look_up(keys, targets)
        possible = [key for key in keys if self._replica.may_hold(key)]
        shown = [target for target in targets if self._replica.may_be_locked(target)]
        if not possible and not shown:
            return LookUp({}, {}, state)
        known = None if bypass_cache or shown else self._replica.from_cache.under(possible)
        if known is not None:
            return LookUp(known, {}, state, from_cache=True)
        return await self._contents.look_up(possible, shown)

    async def state(self) -> RegisterState:
        """The register's state, asked of itself. Raises ``RegisterUnavailableError``."""
        return await self._direct.state()
