"""Put look-ups that wait at the same time into one round trip."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import structlog

from store.register.reader import LookUp, RegisterUnavailableError

_log = structlog.get_logger("register.replica")
_KEYS_PER_ROUND_TRIP = 500


class Reader(Protocol):
    """Reads the register."""

    async def look_up(self, keys: Sequence[str], lock_targets: Sequence[str]) -> LookUp:
        """As ``RegisterReader.look_up``."""


@dataclass(slots=True)
class _Request:
    keys: Sequence[str]
    targets: Sequence[str]
    result: "asyncio.Future[LookUp]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    @property
    def size(self) -> int:
        return len(self.keys) + len(self.targets)


class CoalescedReader:
    """A queue of look-ups. Round trips run one at a time, each for all look-ups that wait, up to 500 keys."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._queue: list[_Request] = []
        self._task: asyncio.Task[None] | None = None

    async def look_up(self, keys: Sequence[str], targets: Sequence[str]) -> LookUp:
        """As ``RegisterReader.look_up``."""
        request = _Request(keys, targets)
        self._queue.append(request)
        if self._task is None:
            self._task = asyncio.create_task(self._drain())
        return await request.result

    async def _drain(self) -> None:
        try:
            while self._queue:
                await self._round_trip(self._next_batch())
        finally:
            self._task = None

    def _next_batch(self) -> list[_Request]:
        batch, room = list[_Request](), _KEYS_PER_ROUND_TRIP
        while self._queue and (not batch or self._queue[0].size <= room):
            batch.append(self._queue.pop(0))
            room -= batch[-1].size
        return batch

    async def _round_trip(self, batch: Sequence[_Request]) -> None:
        keys = list(dict.fromkeys(key for request in batch for key in request.keys))
        targets = list(dict.fromkeys(target for request in batch for target in request.targets))
        try:
            found = await self._reader.look_up(keys, targets)
        except Exception as error:  # every request of the batch must get a result, whatever was raised
            code = error.code if isinstance(error, RegisterUnavailableError) else "register_unreachable"
            if not isinstance(error, RegisterUnavailableError):
                _log.exception("register_unreadable")
            for request in batch:
                if not request.result.done():
                    request.result.set_exception(RegisterUnavailableError(code))
            return
        for request in batch:
            if not request.result.done():  # it may have been cancelled
                request.result.set_result(_part_of(found, request))


def _part_of(found: LookUp, request: _Request) -> LookUp:
    return LookUp(
        {key: found.listings[key] for key in request.keys},
        {target: found.locks[target] for target in request.targets if target in found.locks},
        found.state,
    )
