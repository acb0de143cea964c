"""Gateways on one port are replaced and stopped under load: each accepted request gets its whole answer."""

import asyncio
import json
import os
import re
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.load import Head, Streams, head, question, under_load, whole_answer
from tests.e2e.program import ROOT, Program, credit_code, descendants, eventually, running

BIDDER = "91320800MA1TE5T0XK"
CLEAR = credit_code(8_000_001)
PACK = ROOT / "config" / "policy" / "huaian-2018.yaml"


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """Two gateways under one parent, with a policy file of their own."""
    place = tmp_path_factory.mktemp("pair")
    pack = Path(shutil.copy(PACK, place / "pack.yaml"))
    started = Program(place / "var", CREDITGATE_POLICY=str(pack)).start("--seed", "--workers", "2")
    yield started
    assert started.stop() == 0


def parent_of_workers(program: Program) -> int:
    return program.children()["creditgate serve"]


def workers(program: Program) -> list[int]:
    """The gateway processes, without the parent's other child process."""
    return [pid for pid, name in descendants(parent_of_workers(program)) if "spawn_main" in full_command(pid)]


def full_command(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()


def log_of(program: Program) -> str:
    return (program.data / "logs" / "gateway.log").read_text()


def logged(program: Program, event: str) -> int:
    return log_of(program).count(f'"{event}"')


async def until_logged(program: Program, event: str, before: int) -> None:
    async with asyncio.timeout(60):
        while logged(program, event) == before:  # noqa: ASYNC110 - a log file tells nobody
            await asyncio.sleep(0.05)


async def test_metrics_add_up_over_the_gateways(pair: Program) -> None:
    """Both processes answer on one port, and each shows the metrics of both."""
    sockets = [open_sockets(pid) for pid in workers(pair)]
    connections = [await asyncio.open_connection("127.0.0.1", pair.port) for _ in range(40)]
    asks = [question(pair.key, subject, "honours.award", "applicant") for subject in (BIDDER, CLEAR)]
    answers = [await exchanged(streams, asks[number % 2]) for number, streams in enumerate(connections)]
    assert all(more > fewer for more, fewer in zip(map(open_sockets, workers(pair)), sockets, strict=True))
    assert {answer.status for answer in answers} == {200}
    for streams in connections:
        async with asyncio.timeout(5):
            while (shown := await checks_shown(pair, streams)) != 40:
                assert shown < 40
                await asyncio.sleep(0.05)
        streams[1].close()


async def checks_shown(program: Program, streams: Streams) -> float:
    """How many checks of that scene the metrics on that connection show."""
    shown = (await exchanged(streams, head("GET", "/metrics", program.key))).body.decode()
    return sum(map(float, re.findall(r'creditgate_checks_total\{outcome="\w+",scene="honours.award"\} (\S+)', shown)))


async def test_a_rolling_restart_loses_no_request(pair: Program) -> None:
    """SIGHUP under load replaces both processes, and no request fails, is refused or is cut off."""
    before, replaced = workers(pair), logged(pair, "replaced")
    async with under_load(pair, BIDDER) as tally:
        os.kill(parent_of_workers(pair), signal.SIGHUP)
        await until_logged(pair, "replaced", replaced)
        async with asyncio.timeout(20):
            so_far = tally.answered[200]
            while tally.answered[200] < so_far + 50:  # noqa: ASYNC110 - the new ones answer as well
                await asyncio.sleep(0.02)
    assert tally.lost == []
    assert tally.refused == 0
    assert tally.answered.keys() == {200}
    after = workers(pair)
    assert len(after) == len(before) == 2
    assert not set(after) & set(before)


async def test_a_refused_policy_keeps_the_old_gateways(pair: Program) -> None:
    """SIGHUP with an invalid policy file keeps the processes, and the log has the fault."""
    before, failed = workers(pair), logged(pair, "replacement_failed")
    with broken(pair):
        os.kill(parent_of_workers(pair), signal.SIGHUP)
        await until_logged(pair, "replacement_failed", failed)
        assert workers(pair) == before
        assert pair.check("finance.loan", BIDDER, "borrower").json["outcome"] == "warn"
        said = [line for line in log_of(pair).splitlines() if '"cannot_serve"' in line]
        assert "pack.yaml" in said[-1]


async def test_killed_gateway_restarts_while_others_serve(pair: Program) -> None:
    """kill -9 of one of two: the other keeps its connections, a new process starts, and new connections work."""
    victim, other = workers(pair)
    connections = [await asyncio.open_connection("127.0.0.1", pair.port) for _ in range(40)]
    alive = head("GET", "/livez", pair.key)
    assert {(await exchanged(streams, alive)).status for streams in connections} == {
        200
    }  # no connection waits in the backlog
    os.kill(victim, signal.SIGKILL)
    answers = [await answer_if_open(streams, alive) for streams in connections]
    assert {answer.status for answer in answers if answer} == {200}
    assert 0 < sum(answer is None for answer in answers) < 40
    assert eventually(lambda: len(workers(pair)) == 2 and victim not in workers(pair))
    assert other in workers(pair)
    assert all([(await fresh(pair, head("GET", "/livez", pair.key))).status == 200 for _ in range(40)])


async def test_terminated_gateway_drains_and_is_replaced(pair: Program) -> None:
    """SIGTERM to one process, not to the parent: it drains, another replaces it, and no connection is refused."""
    victim, served = workers(pair)[0], logged(pair, "serving")
    async with under_load(pair, BIDDER, kept=2, new=2) as tally:
        os.kill(victim, signal.SIGTERM)
        await until_logged(pair, "serving", served)
    assert not running(victim)
    assert (tally.lost, tally.refused) == ([], 0)
    assert tally.answered.keys() == {200}
    assert all([(await fresh(pair, head("GET", "/livez", pair.key))).status == 200 for _ in range(40)])


async def test_failing_gateway_gets_no_connections(pair: Program) -> None:
    """While the policy file is invalid a killed process cannot restart; the other answers until it is repaired."""
    ended, replaced = logged(pair, "cannot_serve"), logged(pair, "replaced")
    with broken(pair):
        os.kill(workers(pair)[0], signal.SIGKILL)
        await until_logged(pair, "cannot_serve", ended)
        assert eventually(lambda: '"served": false' in log_of(pair))
        assert all([(await fresh(pair, head("GET", "/livez", pair.key))).status == 200 for _ in range(40)])
    os.kill(parent_of_workers(pair), signal.SIGHUP)
    await until_logged(pair, "replaced", replaced)
    assert len(workers(pair)) == 2


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_a_drain_loses_no_request(own_program: Program, workers: str) -> None:
    """SIGTERM under load: /readyz says draining, all accepted requests are answered, later connections are refused.

    A request whose body is still arriving when the listener closes is answered, and an open batch stream ends with
    the line to resume from.
    """
    own_program.environment["CREDITGATE_DRAIN_SECONDS"] = "1"
    program = own_program.start("--seed", "--workers", workers)
    gateway = parent_of_workers(program)
    slow, shut = question(program.key, BIDDER), asyncio.Event()
    async with under_load(program, BIDDER, kept=5, new=3) as tally:
        late = [asyncio.create_task(in_two_parts(program, request, shut)) for request in (slow, chunked(slow))]
        endless = asyncio.create_task(lines_without_end(program))
        os.kill(gateway, signal.SIGTERM)
        ready = await fresh(program, head("GET", "/readyz", program.key))
        while ready.status == 200:
            ready = await fresh(program, head("GET", "/readyz", program.key))
        assert (ready.status, ready.json["status"], ready.stays) == (503, "draining", False)
        tally.drain_seen = True
        async with asyncio.timeout(20):
            while not tally.refused:  # noqa: ASYNC110 - until the listener is closed
                await asyncio.sleep(0.02)
            await asyncio.sleep(1)  # longer than an idle connection is kept
            shut.set()
            answers = await asyncio.gather(*late)
            last = await endless
            while running(gateway):  # noqa: ASYNC110 - not our child
                await asyncio.sleep(0.02)
    assert [answer.status for answer in answers] == [200, 200]
    assert last["problem"]["code"] == "overloaded"
    assert (tally.lost, tally.refused_early, tally.without_retry_after) == ([], 0, 0)
    assert tally.answered.keys() <= {200, 503}
    assert tally.answered[200] > 100


def test_gateways_that_cannot_start_say_so(own_program: Program) -> None:
    """``serve --workers 2`` with an invalid policy file ends with exit code 1 instead of retrying forever."""
    pack = own_program.data.parent / "pack.yaml"
    pack.write_text("scenes: []\n")
    own_program.environment |= {"CREDITGATE_POLICY": str(pack), "CREDITGATE_PEPPER": "0123456789abcdef"}
    done = own_program.cli("serve", "--workers", "2")
    assert done.returncode == 1
    assert "pack.yaml" in done.stdout + done.stderr
    assert "ended before it served" in " ".join(done.stderr.split())


@contextmanager
def broken(program: Program) -> Iterator[None]:
    """Make the policy file invalid while the block runs."""
    pack = Path(program.environment["CREDITGATE_POLICY"])
    whole = pack.read_text()
    pack.write_text("scenes: []\n")
    try:
        yield
    finally:
        pack.write_text(whole)


async def in_two_parts(program: Program, request: bytes, go_on: asyncio.Event) -> Head:
    """The answer to a request whose last bytes are sent after ``go_on``."""
    reader, writer = await asyncio.open_connection("127.0.0.1", program.port)
    writer.write(request[:-20])
    await go_on.wait()
    writer.write(request[-20:])
    answer = await whole_answer(reader)
    writer.close()
    return answer


def chunked(request: bytes) -> bytes:
    """The same request with its body as one chunk."""
    start, _, body = request.partition(b"\r\n\r\n")
    lines = [line for line in start.split(b"\r\n") if not line.startswith(b"Content-Length")]
    return b"\r\n".join([*lines, b"Transfer-Encoding: chunked", b"", b"%x" % len(body), body, b"0", b"", b""])


async def lines_without_end(program: Program) -> dict[str, Any]:
    """The last line of the answer to an endless batch, which the gateway ends properly."""
    reader, writer = await asyncio.open_connection("127.0.0.1", program.port)
    kind = ("Transfer-Encoding: chunked", "Content-Type: application/x-ndjson")
    writer.write(head("POST", "/v1/checks/batch", program.key, *kind))
    line = question(program.key, BIDDER).partition(b"\r\n\r\n")[2] + b"\n"
    ended = asyncio.create_task(reader.read())
    while not ended.done():
        writer.write(b"%x\r\n%s\r\n" % (len(line), line))
        await asyncio.sleep(0.1)
    writer.close()
    answer = (await ended).decode()
    assert answer.endswith("\r\n0\r\n\r\n")
    answers = [text for text in answer.splitlines() if text.startswith("{")]
    assert [json.loads(text)["index"] for text in answers] == list(range(len(answers)))
    last: dict[str, Any] = json.loads(answers[-1])
    return last


def open_sockets(pid: int) -> int:
    """How many sockets the process has open."""
    return sum(str(link.readlink()).startswith("socket:") for link in Path(f"/proc/{pid}/fd").iterdir())


async def exchanged(streams: Streams, request: bytes) -> Head:
    """The answer on a connection that stays open."""
    streams[1].write(request)
    async with asyncio.timeout(20):
        return await whole_answer(streams[0])


async def answer_if_open(streams: Streams, request: bytes) -> Head | None:
    """The answer on that connection; None when it is closed."""
    reader, writer = streams
    try:
        async with asyncio.timeout(20):
            writer.write(request)
            return await whole_answer(reader)
    except (OSError, asyncio.IncompleteReadError):
        return None
    finally:
        writer.close()


async def fresh(program: Program, request: bytes) -> Head:
    answer = await answer_if_open(await asyncio.open_connection("127.0.0.1", program.port), request)
    assert answer is not None
    return answer
