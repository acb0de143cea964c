"""Load shedding: a burst is served, a lasting overload is refused beyond the capacity, and shedding ends with it."""

import asyncio
import json
from types import SimpleNamespace
from typing import Any, cast

from gateway.fastlane.connection import FastLaneConnection
from gateway.fastlane.context import FastLaneContext
from gateway.overload.admission_control import AdmissionControl
from gateway.overload.load_shedder import LoadShedder
from gateway.web.drain_state import DrainState

REQUEST = b"POST /v1/checks HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer k\r\nContent-Length: 2\r\n\r\n{}"


class Seconds:
    """The clock of a processor that is always busy: only work advances it."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Steps(Seconds):
    """A clock that advances by the duration of one request at each reading."""

    def __init__(self, step: float) -> None:
        super().__init__()
        self.step = step

    def __call__(self) -> float:
        self.now += self.step
        return self.now


_CHECK, _REFUSAL = 0.0001, 0.00001
"""Seconds that each takes, in these tests."""


async def served(shedder: LoadShedder, seconds: Seconds, asked: int) -> int:
    """How many of the requests that arrive in one event-loop iteration are served."""
    found = 0
    for _ in range(asked):
        has_capacity = shedder.has_capacity()
        found += has_capacity
        seconds.now += _CHECK if has_capacity else _REFUSAL
    await asyncio.sleep(0)
    return found


def shedder_of(seconds: Seconds) -> LoadShedder:
    """A shedder whose thread always has the processor."""
    return LoadShedder(clock=seconds, work=seconds)


async def test_load_within_the_idle_budget_is_served() -> None:
    """A moderate number of callers that each wait for their response is not an overload, for any duration."""
    shedder = shedder_of(seconds := Seconds())
    assert [await served(shedder, seconds, 45) for _ in range(500)] == [45] * 500


async def test_short_burst_is_served() -> None:
    """A burst followed by a pause is served, however often it repeats."""
    shedder = shedder_of(seconds := Seconds())
    for _ in range(20):
        assert await served(shedder, seconds, 400) == 400
        assert await served(shedder, seconds, 1) == 1
        seconds.now += 0.1


async def test_sustained_overload_is_shed() -> None:
    """A few requests per iteration are served; one iteration with less work does not end shedding."""
    shedder = shedder_of(seconds := Seconds())
    found = [await served(shedder, seconds, 100) for _ in range(30)]
    assert found[:5] == [100] * 5
    assert all(4 <= few <= 6 for few in found[8:])
    assert await served(shedder, seconds, 3) == 3
    assert await served(shedder, seconds, 100) <= 6


async def test_recurring_overload_is_detected_at_once() -> None:
    """After each second of shedding an iteration or two are served as a probe; more than 97 % of iterations shed."""
    shedder, few = shedder_of(seconds := Seconds()), 0
    until = seconds.now + 10
    found = []
    while seconds.now < until:
        found.append(await served(shedder, seconds, 100))
    few = sum(number <= 6 for number in found)
    assert few > 0.97 * len(found)
    assert found.count(100) >= 9


async def test_closed_loop_callers_recover_after_overload() -> None:
    """Thirty-two callers that retry immediately, even when refused, do not prolong shedding."""
    shedder = shedder_of(seconds := Seconds())
    for _ in range(100):
        await served(shedder, seconds, 100)
    until = seconds.now + 1.0
    while seconds.now < until:
        await served(shedder, seconds, 32)
    assert [await served(shedder, seconds, 32) for _ in range(2000)][1:] == [32] * 1999


async def test_nobody_is_refused_after_a_pause() -> None:
    """Overload before a pause has no effect after it."""
    shedder = shedder_of(seconds := Seconds())
    for _ in range(100):
        await served(shedder, seconds, 100)
    seconds.now += 1.1
    assert await served(shedder, seconds, 40) == 40
    for _ in range(9):
        assert await served(shedder, seconds, 60) == 60
        seconds.now += 0.1


async def test_cpu_starvation_is_not_overload() -> None:
    """Time in which the thread had no processor does not count as overload."""
    seconds, work = Seconds(), Seconds()
    shedder = LoadShedder(clock=seconds, work=work)
    for _ in range(100):
        assert await served(shedder, work, 20) == 20
        seconds.now += 0.03


class Wire:
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        self.written: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def is_closing(self) -> bool:
        return False


def lane_that_answers(body: bytes, shedder: LoadShedder, drain_state: DrainState) -> FastLaneContext:
    """A fast lane in which every check is a fast allow."""
    admission = AdmissionControl(cast(Any, None), cast(Any, None), drain_state, shedder)
    checks: Any = SimpleNamespace(try_allow=lambda _client, _body: body, admission=admission)
    authenticator: Any = SimpleNamespace(known=lambda _authorization: "somebody")
    return FastLaneContext(checks, cast(Any, None), authenticator, drain_state, cast(Any, None), 1024, 75, 30)


async def test_shed_connection_gets_503_and_is_served_later() -> None:
    """A 503 has Retry-After and Content-Length; the connection stays open and its next request is served."""
    shedder = shedder_of(Steps(0.001))
    lane = lane_that_answers(b"{}", shedder, DrainState())
    wires = [Wire() for _ in range(50)]
    callers = [FastLaneConnection(lane) for _ in wires]
    for caller, wire in zip(callers, wires, strict=True):
        caller.connection_made(cast(asyncio.Transport, wire))
    for _ in range(10):
        for caller in callers:
            caller.data_received(REQUEST)
        await asyncio.sleep(0)
    answers = [wire.written[-1] for wire in wires]
    assert {answer[:12] for answer in answers[:1]} == {b"HTTP/1.1 200"}
    for answer in answers[4:]:
        head, _, body = answer.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
        assert b"\r\nRetry-After: 1\r\n" in head
        assert b"connection: close" not in head.lower()
        assert int(head.split(b"Content-Length: ")[1]) == len(body)
        assert json.loads(body)["code"] == "overloaded"
    callers[-1].data_received(REQUEST)
    await asyncio.sleep(0)
    assert wires[-1].written[-1].startswith(b"HTTP/1.1 200")


async def test_draining_process_sheds_nothing() -> None:
    """While draining, the last requests of a connection are served: the connection closes afterwards anyway."""
    shedder = shedder_of(seconds := Seconds())
    for _ in range(20):
        await served(shedder, seconds, 100)
    for _ in range(9):
        shedder.has_capacity()
        seconds.now += _CHECK
    assert not shedder.has_capacity()
    lane = lane_that_answers(b"{}", shedder, DrainState(draining=True))
    wire, caller = Closing(), FastLaneConnection(lane)
    caller.connection_made(cast(asyncio.Transport, wire))
    caller.data_received(REQUEST)
    assert wire.written[0].startswith(b"HTTP/1.1 200")


class Closing(Wire):
    """A transport that can be closed."""

    def close(self) -> None:
        """Accept the call; the test does not check it."""
