"""Turns of the loop: a rush is served whole, a lasting excess is refused beyond the time there is, and it ends."""

import asyncio
import json
from types import SimpleNamespace
from typing import Any, cast

from gateway.departure import Departure
from gateway.fast_lane import Lane, Lanes
from gateway.turns import Turns

REQUEST = b"POST /v1/checks HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer k\r\nContent-Length: 2\r\n\r\n{}"


class Clock:
    """Goes on by what each request takes."""

    def __init__(self, step: float) -> None:
        self.now, self.step = 100.0, step

    def __call__(self) -> float:
        self.now += self.step
        return self.now


async def served(turns: Turns, asked: int) -> int:
    """How many of those that come at one turn of the loop are served."""
    found = sum(turns.has_time() for _ in range(asked))
    await asyncio.sleep(0)
    return found


async def test_what_a_turn_has_time_for_is_never_refused() -> None:
    """However long it goes on."""
    turns = Turns(Clock(0.0001))
    assert [await served(turns, 45) for _ in range(500)] == [45] * 500


async def test_a_short_rush_is_served_whole() -> None:
    """Many at once, and then nobody for a moment: no reason to send anybody away; as often as that happens."""
    clock = Clock(0.0001)
    turns = Turns(clock)
    for _ in range(20):
        assert await served(turns, 500) == 500
        assert await served(turns, 1) == 1
        clock.now += 0.1


async def test_a_lasting_excess_is_refused_beyond_the_time_there_is_and_no_longer_than_it_lasts() -> None:
    """Each turn serves as many as it has time for; as soon as a turn has time for all, all are served."""
    turns = Turns(Clock(0.0001))
    first = [await served(turns, 100) for _ in range(20)]
    assert first[:9] == [100] * 9
    assert all(45 <= found <= 55 for found in first[12:])
    assert await served(turns, 10) == 10
    assert await served(turns, 100) == 100


class Wire:
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        self.written: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def is_closing(self) -> bool:
        return False


def lanes_that(answer: bytes, turns: Turns, departure: Departure) -> Lanes:
    """Lanes in which every check is clear at once."""
    checks: Any = SimpleNamespace(at_once=lambda _client, _body: answer)
    access: Any = SimpleNamespace(known=lambda _authorization: "somebody")
    return Lanes(checks, access, departure, cast(Any, None), 1024, 75, 30, turns=turns)


async def test_a_connection_that_is_refused_is_told_so_in_full_and_served_later() -> None:
    """A 503 with Retry-After and its length; the connection stays, and its next request is answered."""
    turns = Turns(Clock(0.001))
    lanes = lanes_that(b"{}", turns, Departure())
    wires = [Wire() for _ in range(50)]
    callers = [Lane(lanes) for _ in wires]
    for caller, wire in zip(callers, wires, strict=True):
        caller.connection_made(cast(asyncio.Transport, wire))
    for _ in range(10):
        for caller in callers:
            caller.data_received(REQUEST)
        await asyncio.sleep(0)
    answers = [wire.written[-1] for wire in wires]
    assert {answer[:12] for answer in answers[:2]} == {b"HTTP/1.1 200"}
    for answer in answers[8:]:
        head, _, body = answer.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
        assert b"\r\nRetry-After: 1\r\n" in head
        assert b"connection: close" not in head.lower()
        assert int(head.split(b"Content-Length: ")[1]) == len(body)
        assert json.loads(body)["code"] == "overloaded"
    callers[-1].data_received(REQUEST)
    await asyncio.sleep(0)
    assert wires[-1].written[-1].startswith(b"HTTP/1.1 200")


async def test_who_drains_refuses_nobody_for_want_of_time() -> None:
    """The last requests of a connection are answered: it is told to go elsewhere anyway."""
    turns = Turns(Clock(0.001))
    for _ in range(10):
        await served(turns, 50)
    assert [turns.has_time() for _ in range(9)][-1] is False
    lanes = lanes_that(b"{}", turns, Departure(draining=True))
    wire, caller = Closing(), Lane(lanes)
    caller.connection_made(cast(asyncio.Transport, wire))
    caller.data_received(REQUEST)
    assert wire.written[0].startswith(b"HTTP/1.1 200")


class Closing(Wire):
    """One that may be closed."""

    def close(self) -> None:
        """Nothing more is to come."""
