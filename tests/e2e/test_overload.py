"""A client that sends too much, too slowly, or on too many connections does not affect others."""

import asyncio
import os
import resource
import select
import signal
import socket
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest

from tests.e2e.load import Head, Streams, head, question, whole_answer
from tests.e2e.program import Answer, Program, http

BIDDER = "91320800MA1TE5T0XK"
_HARD = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
FILES = 20_000 if _HARD == resource.RLIM_INFINITY else _HARD
ROOM = min(5_300, FILES - 256)
"""Connection limit of the gateway: one client opens up to 5,000 in all, or as many as open files allow."""
SPARE, BEYOND = 300, 400


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """A gateway with short deadlines and low limits."""
    settings = {"BODY_DEADLINE": "1", "KEEP_ALIVE": "8", "MAX_IN_HAND": "2", "MAX_CONNECTIONS": str(ROOM)}
    place = tmp_path_factory.mktemp("narrow") / "var"
    started = Program(place, **{f"CREDITGATE_{name}": value for name, value in settings.items()}).start("--seed")
    yield started
    assert started.stop() == 0


@pytest.fixture(scope="module")
def modest(narrow: Program) -> str:
    """The key of a client with a limit of one check a second."""
    grants = ("--scene", "*", "--feed", "court", "--rate", "1")
    return narrow.cli("clients", "add", "modest", *grants).stdout.strip()


def test_rate_limited_client_gets_retry_after(narrow: Program, modest: str) -> None:
    """429 with RateLimit headers while others are served, 200 after Retry-After. A batch uses up later budget."""
    refused = until_refused(narrow, modest)
    assert refused.json["code"] == "rate_limited"
    limit, left, wait = (int(refused.headers[n]) for n in ("RateLimit-Limit", "RateLimit-Remaining", "Retry-After"))
    assert (limit, left) == (2, 0)
    assert 1 <= wait <= int(refused.headers["RateLimit-Reset"]) <= 2
    assert loan(narrow).status == 200
    time.sleep(wait)
    assert loan(narrow, modest).status == 200

    time.sleep(limit)
    batch = {"checks": [check_body(number) for number in range(50)]}
    assert http("POST", f"{narrow.url}/v1/checks/batch", batch, key=modest).status == 200
    assert int(loan(narrow, modest).headers["Retry-After"]) > 30


async def test_checks_over_the_concurrency_limit_are_refused(narrow: Program) -> None:
    """While two checks wait for the ledger, a third gets 503 `overloaded` and health answers; the two then succeed."""
    with ledger_held(narrow):
        waiting = [asyncio.create_task(alone(narrow, locked(narrow, account))) for account in ("o-1", "o-2")]
        async with asyncio.timeout(10):
            while await in_hand(narrow) < 2:  # noqa: ASYNC110 - a metric tells nobody
                await asyncio.sleep(0.02)
        third = await alone(narrow, question(narrow.key, BIDDER))
        assert (third.status, third.json["code"]) == (503, "overloaded")
        assert int(third.headers["retry-after"]) >= 1
        assert (await alone(narrow, head("GET", "/livez", ""))).status == 200
        assert not any(task.done() for task in waiting)
    assert [answer.status for answer in await asyncio.gather(*waiting)] == [200, 200]
    assert (await alone(narrow, question(narrow.key, BIDDER))).status == 200


async def test_slow_body_is_cut_off(narrow: Program, modest: str) -> None:
    """A body that arrives too slowly gets a 408 and a closed connection, on each route that takes a body."""
    doors = {
        "/v1/checks": "application/json",
        "/v1/feeds/court/records": "application/json",
        "/v1/feeds/court/files": "text/csv",
    }
    answers = await asyncio.gather(*(trickled(narrow, modest, path, kind) for path, kind in doors.items()))
    assert [(answer.status, answer.stays) for answer in answers] == [(408, False)] * len(doors)
    assert {answer.json["code"] for answer in answers} == {"body_too_slow"}


async def test_slow_reader_is_cut_off(narrow: Program) -> None:
    """A client that reads no responses loses its connection, and the gateway frees its buffers."""
    with socket.socket() as greedy:
        greedy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        greedy.connect(("127.0.0.1", narrow.port))
        greedy.sendall(head("GET", "/openapi.json", narrow.key) * 20)
        greedy.setblocking(False)
        async with asyncio.timeout(20):
            with pytest.raises((ConnectionResetError, BrokenPipeError)):  # noqa: PT012 - when, the kernel says
                while True:
                    greedy.send(b"\r\n")
                    await asyncio.sleep(0.1)
    assert (await alone(narrow, question(narrow.key, BIDDER))).status == 200


async def test_idle_connections_do_not_block_others(narrow: Program) -> None:
    """One client uses up the connections: others are served; beyond the limit 503 at once; idle ones are closed."""
    gateway = narrow.children()["creditgate serve"]
    kept = await asyncio.open_connection("127.0.0.1", narrow.port)
    crowd: list[socket.socket] = []
    with files_for(ROOM + BEYOND):
        try:
            crowd += [idle(narrow) for _ in range(ROOM - SPARE)]
            crowd[0].sendall(b"POST /v1/checks HTTP/1.1\r\nHost: ")  # sits as well
            assert (await alone(narrow, question(narrow.key, BIDDER))).status == 200
            os.kill(gateway, signal.SIGSTOP)  # they shall come all at once
            crowd += [idle(narrow) for _ in range(BEYOND)]
            os.kill(gateway, signal.SIGCONT)
            refused = await refusals(crowd, BEYOND - SPARE)
            assert len(crowd) - len(refused) + 1 <= ROOM
            assert all(b" 503 " in text and b"Retry-After: " in text and b'"overloaded"' in text for text in refused)
            assert (await exchanged(kept, question(narrow.key, BIDDER))).status == 200
            async with asyncio.timeout(60):
                while not_ended(crowd):  # noqa: ASYNC110 - of so many, in one look
                    await asyncio.sleep(0.1)
        finally:
            os.kill(gateway, signal.SIGCONT)
            kept[1].close()
            for each in crowd:
                each.close()
    assert (await alone(narrow, question(narrow.key, BIDDER))).status == 200


async def trickled(program: Program, key: str, path: str, kind: str) -> Head:
    """The answer to a body that arrives byte by byte; the connection is closed after it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", program.port)
    more = (f"Content-Type: {kind}", "Content-Length: 200", "Content-Disposition: attachment; filename=a.csv")
    writer.write(head("POST", path, key, *more))
    answer = asyncio.create_task(whole_answer(reader))
    async with asyncio.timeout(20):
        while not answer.done():
            writer.write(b" ")
            await asyncio.sleep(0.1)
        assert await reader.read() == b""
    writer.close()
    return await answer


def check_body(number: int) -> dict[str, Any]:
    subjects = [{"role": "borrower", "id": BIDDER}]
    of_whom = {"operator": "clerk-7", "purpose": "贷款审查"}
    return {"scene": "finance.loan", "transaction_id": f"B-{number}", "subjects": subjects} | of_whom


def loan(program: Program, key: str | None = None) -> Answer:
    return program.check("finance.loan", BIDDER, "borrower", key=key or program.key)


def until_refused(program: Program, key: str) -> Answer:
    answers = (loan(program, key) for _ in range(100))
    return next(answer for answer in answers if answer.status == 429)


def locked(program: Program, account: str) -> bytes:
    """A check that makes a lock, and so waits for the ledger."""
    return question(program.key, BIDDER, "bidding.qualification", "bidder", account_id=account)


@contextmanager
def ledger_held(program: Program) -> Iterator[None]:
    """Lock the ledger against other writers."""
    with closing(sqlite3.connect(program.data / "ledger.sqlite3", timeout=20, isolation_level=None)) as ledger:
        ledger.execute("BEGIN IMMEDIATE")
        yield
        ledger.execute("ROLLBACK")


async def in_hand(program: Program) -> float:
    shown = (await alone(program, head("GET", "/metrics", program.key))).body.decode()
    lines = [line for line in shown.splitlines() if line.startswith('creditgate_requests_in_hand{gate="checks"')]
    return sum(float(line.split()[-1]) for line in lines)


async def alone(program: Program, request: bytes) -> Head:
    """Send a request on a new connection and return its answer."""
    streams = await asyncio.open_connection("127.0.0.1", program.port)
    try:
        return await exchanged(streams, request)
    finally:
        streams[1].close()


async def exchanged(streams: Streams, request: bytes) -> Head:
    streams[1].write(request)
    async with asyncio.timeout(40):
        return await whole_answer(streams[0])


@contextmanager
def files_for(connections: int) -> Iterator[None]:
    """Raise this process's limit of open files to this number of connections."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(soft, connections + 100), FILES), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def idle(program: Program) -> socket.socket:
    return socket.create_connection(("127.0.0.1", program.port), timeout=20)


async def refusals(crowd: list[socket.socket], at_least: int) -> list[bytes]:
    """What the connections that were answered received, once at least so many were."""
    async with asyncio.timeout(20):
        while len(heard := [each for each in crowd if readable(each)]) < at_least:  # noqa: ASYNC110 - so too
            await asyncio.sleep(0.05)
    return [each.recv(65_536, socket.MSG_PEEK) for each in heard]


def readable(connection: socket.socket) -> bool:
    poll = select.poll()
    poll.register(connection, select.POLLIN)
    return bool(poll.poll(0))


def not_ended(crowd: list[socket.socket]) -> bool:
    """Whether the other side keeps a connection open; received data is discarded."""
    return not all(readable(each) and (each.recv(65_536) == b"" or ended(each)) for each in crowd)


def ended(connection: socket.socket) -> bool:
    return readable(connection) and connection.recv(65_536) == b""
