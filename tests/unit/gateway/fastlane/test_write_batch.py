"""Responses of one event-loop iteration are written together at its end, in order, and none is lost."""

import asyncio
from typing import cast

from gateway.fastlane.write_batch import WriteBatch


class Wire:
    """A transport that records what is written to it, and the order over all transports."""

    def __init__(self, written: list[bytes], *, closing: bool = False) -> None:
        self._written, self._closing = written, closing

    def write(self, data: bytes) -> None:
        self._written.append(data)

    def is_closing(self) -> bool:
        return self._closing


def transport(written: list[bytes], *, closing: bool = False) -> asyncio.Transport:
    return cast(asyncio.Transport, Wire(written, closing=closing))


async def test_answers_are_written_in_order_each_iteration() -> None:
    """Each response is written once, in later iterations too."""
    written = list[bytes]()
    write_batch = WriteBatch()
    for turn in range(3):
        for number in range(5):
            write_batch.put(transport(written), b"%d.%d" % (turn, number))
        assert len(written) == 5 * turn
        await asyncio.sleep(0)
        assert len(written) == 5 * (turn + 1)
    assert written == [b"%d.%d" % (turn, number) for turn in range(3) for number in range(5)]


async def test_no_answer_waits_for_many() -> None:
    """A long iteration writes its responses in parts."""
    written = list[bytes]()
    write_batch = WriteBatch()
    for number in range(100):
        write_batch.put(transport(written), b"%d" % number)
        assert number + 1 - len(written) < 16
    await asyncio.sleep(0)
    assert written == [b"%d" % number for number in range(100)]


async def test_closed_connection_does_not_affect_others() -> None:
    """An early flush writes all responses; nothing is written to a closing connection."""
    written = list[bytes]()
    write_batch = WriteBatch()
    for closing in (False, True, False):
        write_batch.put(transport(written, closing=closing), b"x")
    write_batch.send()
    assert written == [b"x", b"x"]
    await asyncio.sleep(0)
    assert written == [b"x", b"x"]
