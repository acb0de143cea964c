"""Limits on concurrent requests, slow bodies and connections; and the listening sockets."""

import asyncio
import resource
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer

from gateway.overload.concurrency_limit import ConcurrencyLimit
from gateway.process.connection_limit import ConnectionLimit, room_for_connections
from gateway.process.listener import bound_sockets, listening_sockets
from gateway.web.problems import ProblemError, problem_middleware
from gateway.web.request_body import BODY_DEADLINE, read_body, read_deadline


def test_full_concurrency_limit_refuses_until_released() -> None:
    """At most the given number run concurrently; an exception inside also releases its slot."""
    gate = ConcurrencyLimit("checks", 2)
    with gate, gate:
        with pytest.raises(ProblemError, match="overloaded"), gate:
            pass
        assert gate.in_progress == 2
    with pytest.raises(ZeroDivisionError), gate:
        raise ZeroDivisionError
    assert gate.in_progress == 0


async def test_waiting_streams_get_slots_one_by_one() -> None:
    """Many tasks wait for one slot: each gets it, and never two at the same time."""
    gate, most, done = ConcurrencyLimit("checks", 1), 0, 0

    async def work() -> None:
        nonlocal most, done
        await gate.has_room()
        with gate:
            most = max(most, gate.in_progress)
            await asyncio.sleep(0)
        done += 1

    with gate:
        waiting = [asyncio.create_task(work()) for _ in range(20)]
        await asyncio.sleep(0.01)
        assert done == 0
    async with asyncio.timeout(10):
        await asyncio.gather(*waiting)
    assert (most, done) == (1, 20)


@asynccontextmanager
async def serving(deadline: float) -> AsyncIterator[str]:
    """A server that returns the length of the body; at /lines each line restarts the deadline."""

    async def length(request: web.Request) -> web.Response:
        return web.Response(text=str(len(await read_body(request))))

    async def lines(request: web.Request) -> web.Response:
        count = 0
        async with read_deadline(request) as reading:
            async for _ in request.content:
                count += 1
                reading.restart()
        return web.Response(text=str(count))

    app = web.Application(middlewares=[problem_middleware])
    app[BODY_DEADLINE] = deadline
    app.add_routes([web.post("/", length), web.post("/lines", lines)])
    async with TestServer(app) as server:
        yield str(server.make_url("/"))


async def pieces(count: int, pause: float) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield b"line\n"
        await asyncio.sleep(pause)


async def test_body_has_a_read_deadline() -> None:
    """A body in pieces within the deadline is read; a slower one gets 408 and its connection is closed."""
    async with serving(0.4) as url, ClientSession() as session:
        async with session.post(url, data=pieces(4, 0.01)) as answer:
            assert (answer.status, await answer.text()) == (200, "20")
        async with session.post(url, data=pieces(12, 0.1)) as answer:
            assert answer.status == 408
            assert answer.headers["Connection"] == "close"
            assert (await answer.json(content_type=None))["code"] == "body_too_slow"


async def test_read_deadline_is_renewed_by_progress() -> None:
    """A stream may exceed the deadline as long as each piece arrives within it."""
    async with serving(0.4) as url, ClientSession() as session:
        async with session.post(f"{url}lines", data=pieces(12, 0.1)) as answer:
            assert (answer.status, await answer.text()) == (200, "12")
        async with session.post(f"{url}lines", data=pieces(2, 1.0)) as answer:
            assert answer.status == 408


def test_a_port_is_shared_only_when_asked_for() -> None:
    """With ``share_port`` a second listener may bind the port; else binding fails, and its sockets are closed."""
    (first,) = listening_sockets("127.0.0.1", 0, share_port=True, write_deadline=7)
    port = first.getsockname()[1]
    with first:
        assert first.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 7000
        (second,) = listening_sockets("127.0.0.1", port, share_port=True, write_deadline=7)
        second.close()
        with pytest.raises(OSError, match="in use"):
            listening_sockets("127.0.0.1", port, share_port=False, write_deadline=7)


def test_bound_socket_accepts_only_when_listening() -> None:
    """Of two sockets on one port, all connections go to the one that listens."""
    (listener,) = listening_sockets("127.0.0.1", 0, share_port=True, write_deadline=1)
    (idle,) = bound_sockets("127.0.0.1", listener.getsockname()[1], share_port=True)
    with listener, idle:
        for _ in range(20):
            with socket.create_connection(listener.getsockname(), timeout=5):
                listener.accept()[0].close()
        idle.listen()
        reached = set()
        for _ in range(200):
            with socket.create_connection(listener.getsockname(), timeout=5) as connection:
                connection.setblocking(False)
                reached |= {each for each in (listener, idle) if _accepts(each)}
            if len(reached) == 2:
                return
        pytest.fail("the second one was never chosen")


def _accepts(listener: socket.socket) -> bool:
    try:
        listener.accept()[0].close()
    except BlockingIOError:
        return False
    return True


@pytest.fixture
def soft_limit() -> Iterator[None]:
    """Restores the soft limit of open files."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.usefixtures("soft_limit")
def test_connection_limit_follows_the_file_limit() -> None:
    """The soft limit is raised as needed and never lowered; the hard limit bounds the connections."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (512, hard))
    assert room_for_connections(100) == 100
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == 512
    assert room_for_connections(400) == 400
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == 656
    if hard != resource.RLIM_INFINITY:
        assert room_for_connections(hard) == hard - 256
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (hard, hard)


async def test_connections_over_the_limit_get_503() -> None:
    """The client gets a complete 503 with Retry-After before its request is read, and the connection is closed."""
    loop, (listener,) = (
        asyncio.get_running_loop(),
        listening_sockets("127.0.0.1", 0, share_port=False, write_deadline=1),
    )
    limit = ConnectionLimit(most=0, open_connections=lambda: 0)
    server = await loop.create_server(limit.guard(asyncio.Protocol), sock=listener)
    async with server, asyncio.timeout(10):
        reader, writer = await asyncio.open_connection(*listener.getsockname())
        writer.write(b"POST /v1/checks HTTP/1.1\r\nContent-Length: 100000\r\n\r\n" + b" " * 100_000)
        said = (await reader.read()).decode()
        writer.close()
        await writer.wait_closed()
    head, _, body = said.partition("\r\n\r\n")
    assert head.startswith("HTTP/1.1 503 ")
    assert "\r\nRetry-After: " in head
    assert "\r\nConnection: close" in head
    assert f"\r\nContent-Length: {len(body.encode())}" in head
    assert '"overloaded"' in body
