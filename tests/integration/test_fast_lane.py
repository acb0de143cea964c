"""The fast lane and aiohttp give the same answers, read the same requests and refuse the same bad HTTP."""

import asyncio
import json
import random
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from redis.asyncio import Redis
from sqlalchemy.ext.asyncio import AsyncEngine

from config.settings import Settings
from gateway.app import CHECKS, REPLICA, build_app
from gateway.checks.http.direct_handler import DirectCheckHandler
from gateway.fastlane.context import FastLaneContext
from gateway.fastlane.server import FastLaneServer
from gateway.web.drain_state import DRAIN_STATE
from store.platforms.clients import ClientStore, Grants
from store.replica.replica import ReplicaState
from tests.e2e.program import credit_code
from tests.integration.feed_health import HELD_COURT_FEED, set_feed_health
from tests.integration.feeding import NOON, FeedPipeline
from tests.integration.valkey_server import ValkeyServer
from tests.unit.records import record

LISTED, CLEAR = credit_code(1), credit_code(2)
QUIET, LONG = 0.3, 2.5
"""Seconds of silence after which a server counts as waiting for more; ``LONG`` where the two servers differ."""


@dataclass
class ServerPair:
    """Two ports of one gateway: one with the fast lane, one without."""

    lane: int
    plain: int
    key: str
    lanes: FastLaneServer

    async def both(self, *pieces: bytes) -> "tuple[Exchange, Exchange]":
        """The answers of both to the same bytes, sent in these pieces."""
        for quiet in (QUIET, LONG):
            exchanges = await asyncio.gather(*(exchange(port, pieces, quiet) for port in (self.lane, self.plain)))
            if exchanges[0] == exchanges[1] and (exchanges[0].answers or exchanges[0].closed):
                break
        return exchanges[0], exchanges[1]

    def check(self, *subjects: dict[str, Any], headers: str = "", **more: Any) -> bytes:  # noqa: ANN401
        """A request in the plain form that the lane takes."""
        parties = subjects or ({"role": "bidder", "id": CLEAR},)
        payload = {"scene": "bidding.qualification", "transaction_id": "T-1", "operator": "o", "purpose": "p"}
        return self.post(json.dumps(payload | {"subjects": parties} | more).encode(), headers)

    def post(self, body: bytes, headers: str = "", target: str = "/v1/checks", key: str | None = None) -> bytes:
        """A request with that body."""
        head = f"POST {target} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {key or self.key}\r\n{headers}"
        return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


@dataclass
class Exchange:
    """The responses of one connection: status, relevant headers, and body without what varies."""

    answers: list[tuple[int, dict[str, str], Any]]
    closed: bool

    @property
    def statuses(self) -> list[int]:
        return [status for status, _, _ in self.answers]


_VARIES = re.compile(
    rb'"decision_id":"[^"]+"|"heard_ms":\d+|"age_ms":\d+|urn:uuid:[0-9a-f-]+|"id":"lock_[^"]+"|dec_[0-9a-f]{32}|[0-9a-f]+\r\n(?={)'
)


async def exchange(port: int, pieces: tuple[bytes, ...], quiet: float) -> Exchange:
    """Send, and read until the server closes or falls silent."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    received, closed = b"", False
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.02 if len(pieces) > 1 else 0)
        while True:
            chunk = await asyncio.wait_for(reader.read(65536), quiet)
            if not chunk:
                closed = True
                break
            received += chunk
    except TimeoutError:
        pass
    except ConnectionError:
        closed = True
    writer.close()
    return Exchange(list(_answers(received)), closed)


def _answers(received: bytes) -> Any:  # noqa: ANN401
    while received:
        head, _, rest = received.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
        length = int(headers.pop("content-length", "0"))
        if headers.get("transfer-encoding") == "chunked":
            length = rest.index(b"\r\n0\r\n\r\n") + 7
        headers.pop("date", None)
        yield int(lines[0].split(" ")[1]), headers, _VARIES.sub(b"~", rest[:length])
        received = rest[length:]


@pytest.fixture
async def servers(
    request: pytest.FixtureRequest, redis: "Redis", engine: AsyncEngine, valkey: ValkeyServer, tmp_path: Path
) -> AsyncIterator[ServerPair]:
    """A gateway over a register with one listing, reached by the lane, and by aiohttp: as it serves, or ``routed``."""
    pipeline = FeedPipeline(redis, engine)
    await pipeline.recovery.ensure_loaded()
    await pipeline.feed(record(subject={"id": LISTED}))
    await pipeline.writer.heartbeat()
    key = await ClientStore(engine).add("shop", Grants(scenes=frozenset(["bidding.qualification", "finance.loan"])))
    settings = Settings(
        pepper="p" * 32,
        redis_url=valkey.url,
        broker_url=f"rstream://{valkey.socket}",
        ledger_url=f"sqlite+aiosqlite:///{tmp_path / 'ledger.sqlite3'}",
        data=tmp_path,
        body_limit=200_000,
    )
    app = build_app(settings, lambda: NOON)
    runner = web.AppRunner(app, access_log=None, keepalive_timeout=75)
    await runner.setup()
    assert runner.server is not None
    checks = app[CHECKS]
    if getattr(request, "param", "") != "routed":
        runner.server.request_handler = DirectCheckHandler(
            checks.service, checks.authenticator, app[DRAIN_STATE], settings.body_limit, runner.server.request_handler
        )
    checks.service.admission.load_shedder.work = lambda: 0.0  # logged tracebacks of bad HTTP are work too
    lanes = FastLaneServer(
        FastLaneContext(
            checks.service,
            checks.batches,
            checks.authenticator,
            app[DRAIN_STATE],
            runner.server,
            settings.body_limit,
            75,
            30,
        )
    )
    loop = asyncio.get_running_loop()
    servers = [await loop.create_server(made, "127.0.0.1", 0) for made in (lanes, runner.server)]
    try:
        async with asyncio.timeout(10):
            while app[REPLICA].state is not ReplicaState.CURRENT:  # noqa: ASYNC110 - another task's state
                await asyncio.sleep(0.01)
        ports = [server.sockets[0].getsockname()[1] for server in servers]
        yield ServerPair(ports[0], ports[1], key, lanes)
    finally:
        for server in servers:
            server.close()
        await lanes.close(5)
        await runner.cleanup()


@pytest.mark.parametrize("servers", ["", "routed"], indirect=True)
async def test_answers_are_the_same_bytes(servers: ServerPair) -> None:
    """For every kind of request, status, headers and body are equal except for IDs and times."""
    listed, bad = {"role": "bidder", "id": LISTED}, {"role": "bidder", "id": "9132"}
    checks = [
        json.loads(servers.check(who).split(b"\r\n\r\n")[1]) for who in (listed, bad, {"role": "bidder", "id": CLEAR})
    ]
    requests = [
        servers.check(),
        servers.check(listed, scene="finance.loan"),
        servers.check(bad),
        servers.check(scene="no.such"),
        servers.check(scene="funds.grant"),
        servers.check(operator=""),
        servers.check(max_staleness_ms=60_000),
        servers.check({"role": "bidder", "name": "甲"}),
        servers.post(b"{"),
        servers.post(b""),
        servers.post(b"\xff\xfe"),
        servers.post(b"{}", key="cgk_nobody"),
        servers.post(b"{}", key="cgk_\x80").replace(b"cgk_\xc2\x80", b"cgk_\xff\xfe"),
        servers.post(json.dumps({"checks": checks}).encode(), target="/v1/checks/batch"),
        servers.post(b'{"checks":[]}', target="/v1/checks/batch"),
        servers.post(
            b"\n".join(json.dumps(c).encode() for c in checks),
            "Content-Type: application/x-ndjson\r\n",
            "/v1/checks/batch",
        ),
        servers.post(b"{}", target="/v1/tickets/verify"),
        b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /v1/checks HTTP/1.1\r\nHost: a\r\n\r\n",
        servers.post(b"x" * 250_000),
    ]
    for request, (lane, plain) in zip(requests, await asyncio.gather(*map(servers.both, requests)), strict=True):
        assert lane.answers == plain.answers, request[:80]
        assert len(lane.answers) == 1, request[:80]
        assert lane.closed == plain.closed, request[:80]


async def test_the_lane_is_taken(servers: ServerPair) -> None:
    """Two plain checks stay in the lane, a page after them leaves it, and each gets its answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", servers.lane)
    for request, inside in ((servers.check(), 1), (servers.check(), 1), (b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n", 0)):
        writer.write(request)
        assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 200")
        assert servers.lanes.open_connections == inside
        head = await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(int(re.search(rb"Content-Length: (\d+)", head)[1]))  # type: ignore[index]
    writer.close()


def framed(change: Callable[[bytes], bytes]) -> Callable[[ServerPair], bytes]:
    return lambda servers: change(servers.check())


def with_header(line: str) -> Callable[[ServerPair], bytes]:
    return lambda servers: servers.check(headers=line + "\r\n")


BAD = {
    "chunked and length": with_header("Transfer-Encoding: chunked"),
    "chunked, identity": with_header("Transfer-Encoding: chunked, identity"),
    "space before chunked": with_header("Transfer-Encoding:  chunked"),
    "tab before the colon": with_header("Transfer-Encoding\t: chunked"),
    "obscured encoding": with_header("Transfer-Encoding: xchunked"),
    "two lengths": with_header("Content-Length: 5"),
    "two equal lengths": lambda _: (
        b"POST /v1/checks HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n{}"
    ),
    "negative length": framed(lambda r: re.sub(rb"Content-Length: ", b"Content-Length: -", r)),
    "plus length": framed(lambda r: re.sub(rb"Content-Length: ", b"Content-Length: +", r)),
    "hexadecimal length": framed(lambda r: re.sub(rb"Content-Length: \d+", b"Content-Length: 0x1", r)),
    "list of lengths": framed(lambda r: re.sub(rb"Content-Length: (\d+)", rb"Content-Length: \1, \1", r)),
    "huge length": framed(lambda r: re.sub(rb"Content-Length: \d+", b"Content-Length: 99999999999999999999", r)),
    "no length": framed(lambda r: re.sub(rb"Content-Length: \d+\r\n", b"", r)),
    "folded header": with_header("X-A: b\r\n c"),
    "folded length": framed(lambda r: r.replace(b"Content-Length: ", b"Content-Length:\r\n ")),
    "bare line feeds": framed(lambda r: r.replace(b"\r\n", b"\n")),
    "bare carriage return": with_header("X-A: b\rX-B: c"),
    "bare line feed in a header": with_header("X-A: b\nContent-Length: 1"),
    "NUL in a value": with_header("X-A: b\x00c"),
    "NUL in a name": with_header("X\x00A: b"),
    "space in a name": with_header("X A: b"),
    "empty name": with_header(": b"),
    "no colon": with_header("XA"),
    "bytes beyond ASCII": lambda d: d.check(headers="X-A: 甲\r\n"),
    "over-long line": with_header("X-A: " + "b" * 9000),
    "many headers": with_header("\r\n".join(f"X-{n}: b" for n in range(300))),
    "two hosts": with_header("Host: b"),
    "no host": framed(lambda r: r.replace(b"Host: a\r\n", b"")),
    "two keys": with_header("Authorization: Bearer x"),
    "lower-case method": framed(lambda r: r.replace(b"POST", b"post", 1)),
    "unknown method": framed(lambda r: r.replace(b"POST", b"P0ST", 1)),
    "HTTP/1.0": framed(lambda r: r.replace(b"HTTP/1.1", b"HTTP/1.0", 1)),
    "HTTP/1.2": framed(lambda r: r.replace(b"HTTP/1.1", b"HTTP/1.2", 1)),
    "HTTP/2.0": framed(lambda r: r.replace(b"HTTP/1.1", b"HTTP/2.0", 1)),
    "HTTP/0.9": lambda _: b"POST /v1/checks\r\n\r\n",
    "lower-case version": framed(lambda r: r.replace(b"HTTP/1.1", b"http/1.1", 1)),
    "absolute target": framed(lambda r: r.replace(b"/v1/checks", b"http://a/v1/checks", 1)),
    "target with a query": framed(lambda r: r.replace(b"/v1/checks", b"/v1/checks?a=b", 1)),
    "target with a fragment": framed(lambda r: r.replace(b"/v1/checks", b"/v1/checks#a", 1)),
    "target with dots": framed(lambda r: r.replace(b"/v1/checks", b"/v1/../v1/checks", 1)),
    "escaped target": framed(lambda r: r.replace(b"/v1/checks", b"/v1/check%73", 1)),
    "longer target": framed(lambda r: r.replace(b"/v1/checks", b"/v1/checks/x", 1)),
    "two spaces": framed(lambda r: r.replace(b"POST /", b"POST  /", 1)),
    "tab for a space": framed(lambda r: r.replace(b"POST /", b"POST\t/", 1)),
    "leading blank lines": framed(lambda r: b"\r\n\r\n" + r),
    "leading spaces": framed(lambda r: b"  " + r),
    "expect continue": with_header("Expect: 100-continue"),
    "expect other": with_header("Expect: 200-ok"),
    "upgrade": with_header("Connection: Upgrade\r\nUpgrade: h2c"),
    "upgrade alone": with_header("Upgrade: websocket"),
    "connection close": with_header("Connection: close"),
    "connection of tokens": with_header("Connection: keep-alive, close"),
    "compressed body": with_header("Content-Encoding: gzip"),
    "a body of another type": with_header("Content-Type: text/plain"),
    "trailing data": framed(lambda r: r + b"garbage\r\n\r\n"),
    "a body cut short": framed(lambda r: r[:-5]),
    "a head cut short": framed(lambda r: r[:60]),
    "TLS hello": lambda _: b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "HTTP/2 preface": lambda _: b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a smuggled second request": framed(
        lambda r: r.replace(b"\r\n\r\n", b"\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 1)
    ),
}


async def test_bad_http_is_refused_as_aiohttp_refuses_it(servers: ServerPair) -> None:
    """Each case alone and after a good request on the same connection gets the answer that aiohttp gives."""
    cases = [(name, make(servers)) for name, make in BAD.items()]
    cases += [(f"{name}, behind a good one", servers.check() + request) for name, request in cases]
    for start in range(0, len(cases), 80):
        part = cases[start : start + 80]
        for (name, _), (lane, plain) in zip(
            part, await asyncio.gather(*(servers.both(r) for _, r in part)), strict=True
        ):
            assert lane.statuses == plain.statuses, name
            assert lane.answers == plain.answers, name
            assert lane.closed == plain.closed, name


async def test_split_requests_are_answered_alike(servers: ServerPair) -> None:
    """Pipelined, in pieces, byte by byte at the seams: as many answers as requests, in their order."""
    five = b"".join(servers.check(transaction_id=f"T-{n}") for n in range(40))
    head, body = servers.check().split(b"\r\n\r\n")
    listed = {"role": "bidder", "id": LISTED}
    mixed = (
        servers.check(transaction_id="A")
        + servers.check(listed, scene="finance.loan", transaction_id="B")
        + servers.check(transaction_id="C")
    )
    batch = servers.post(json.dumps({"checks": [json.loads(body)] * 300}).encode(), target="/v1/checks/batch")
    for pieces in (
        (five,),
        (five[:1000], five[1000:1001], five[1001:]),
        (head + b"\r\n\r\n", body),
        (head, b"\r\n\r\n" + body),
        (head + b"\r\n", b"\r\n" + body[:3], body[3:] + five[:700], five[700:]),
        (mixed, servers.check()),
        (batch[:20_000], batch[20_000:40_000], batch[40_000:] + servers.check()),
        (servers.check() + b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n" + servers.check(),),
    ):
        lane, plain = await servers.both(*pieces)
        assert lane.answers == plain.answers
        assert set(lane.statuses) == {200}


async def test_mutated_requests_never_get_more_than_aiohttp_gives(servers: ServerPair) -> None:
    """Seeded mutations of two requests on a connection: the same statuses, or a refusal where aiohttp refuses."""
    chance = random.Random(20_261_123)
    pieces = [b"\r\n", b"\n", b"\r", b"\x00", b" ", b"\t", b":", b"chunked", b"0\r\n\r\n", b"Content-Length: 3\r\n"]
    pieces += [
        b"Transfer-Encoding: chunked\r\n",
        b"\x80",
        b"HTTP/1.1",
        b"POST /v1/checks HTTP/1.1\r\n",
        b"-",
        b"9",
        b";",
    ]

    def mutated() -> bytes:
        request = servers.check() + servers.check(transaction_id="T-2")
        for _ in range(chance.choice((1, 1, 2, 3))):
            at = chance.randrange(len(request))
            match chance.randrange(4):
                case 0:
                    request = request[:at] + request[at + chance.randrange(1, 6) :]
                case 1:
                    request = request[:at] + chance.choice(pieces) + request[at:]
                case 2:
                    request = request[:at] + bytes([chance.randrange(256)]) + request[at + 1 :]
                case _:
                    request = request[:at] + request[at : at + 20] + request[at:]
        return request

    requests = [mutated() for _ in range(360)]
    for start in range(0, len(requests), 120):
        part = requests[start : start + 120]
        for request, (lane, plain) in zip(part, await asyncio.gather(*map(servers.both, part)), strict=True):
            assert lane.statuses == plain.statuses, request
            assert lane.closed == plain.closed, request


async def test_unreliable_feed_voids_a_ticket(servers: ServerPair) -> None:
    """What a check would say now, the ticket says too."""
    payload = json.loads(servers.check(ticket=True).split(b"\r\n\r\n")[1])
    (_, _, answer), *_ = (await exchange(servers.lane, (servers.post(json.dumps(payload).encode()),), QUIET)).answers
    token = re.search(rb'"token":"([^"]+)"', answer)
    assert token
    shown = {"ticket": token[1].decode(), "scene": payload["scene"], "transaction_id": "T-1"}
    request = servers.post(json.dumps(shown).encode(), target="/v1/tickets/verify")

    async def verified() -> dict[str, Any]:
        said = (await exchange(servers.lane, (request,), QUIET)).answers[0][2]
        found = re.search(rb'"holds":(\w+),"reason":(\S+?),', said)
        assert found
        return {"holds": json.loads(found[1]), "reason": json.loads(found[2])}

    assert await verified() == {"holds": True, "reason": None}
    freshness = servers.lanes.context.checks.decision_service.freshness
    await set_feed_health(freshness, HELD_COURT_FEED)
    assert await verified() == {"holds": False, "reason": "feed_held"}
    await set_feed_health(freshness, None)
    assert await verified() == {"holds": False, "reason": "feeds_unknown"}


async def test_batch_sees_its_own_locks(servers: ServerPair) -> None:
    """A listed seller's account is locked; the clean check of the same account behind it sees the lock."""
    listed = json.loads(servers.check({"role": "bidder", "id": LISTED}, account_id="A").split(b"\r\n\r\n")[1])
    clean = json.loads(servers.check(account_id="A", transaction_id="T-2").split(b"\r\n\r\n")[1])
    same = json.loads(servers.check(transaction_id="T-1").split(b"\r\n\r\n")[1])
    other = json.loads(servers.check(account_id="B", transaction_id="T-3").split(b"\r\n\r\n")[1])
    batch = servers.post(json.dumps({"checks": [listed, clean, same, other]}).encode(), target="/v1/checks/batch")
    raw = (await exchange(servers.lane, (batch,), LONG)).answers[0][2]
    alone = (await exchange(servers.lane, (servers.post(json.dumps(clean).encode()),), QUIET)).answers[0][2]
    outcomes = re.findall(rb'"outcome":"(\w+)","scene"', raw)
    assert outcomes[1] == re.findall(rb'"outcome":"(\w+)","scene"', alone)[0]
    assert outcomes[3] == b"allow"
    assert outcomes[0] in (b"lock", b"intercept")


def answered(answer: tuple[int, dict[str, str], Any]) -> tuple[int, str, bool]:
    status, headers, body = answer
    return status, headers.get("retry-after", ""), b'"code":"overloaded"' in body


@pytest.mark.parametrize("servers", ["", "routed"], indirect=True)
async def test_both_servers_shed_load_by_the_same_rule(servers: ServerPair) -> None:
    """Without capacity, checks, batches, tickets and proxied checks are 503 on both; other routes are served."""
    shedder = servers.lanes.context.checks.admission.load_shedder
    requests = [
        servers.check(),
        servers.post(b"{}", target="/v1/checks/batch"),
        servers.post(b"{}", target="/v1/tickets/verify"),
        servers.check().replace(b"POST /v1/checks", b"GET /v1/authz"),
        b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n",
    ]
    shedder.has_capacity = lambda: False  # type: ignore[method-assign]
    for request, status in zip(requests, (503, 503, 503, 503, 200), strict=True):
        lane, plain = await servers.both(request)
        assert lane.answers == plain.answers, request[:40]
        assert (lane.closed, plain.closed) == (False, False)
        assert answered(lane.answers[0])[0] == status
        assert status == 200 or answered(lane.answers[0]) == (503, "1", True)
    drain_state = servers.lanes.context.drain_state
    drain_state.draining = True
    lane, plain = await servers.both(servers.check())
    assert (lane.statuses, plain.statuses) == ([200], [200]), "who drains answers the last request of a connection"
    drain_state.draining = False


@pytest.mark.parametrize("servers", ["", "routed"], indirect=True)
async def test_aiohttp_sheds_a_lasting_overload(servers: ServerPair) -> None:
    """Each look at the processor's clock costs a millisecond: of fifty that ask at once, some are served, most not."""
    shedder, work = servers.lanes.context.checks.admission.load_shedder, 0.0

    def passing() -> float:
        nonlocal work
        work += 0.001
        return work

    shedder.work = shedder.clock = passing
    request = servers.check()
    streams = [await asyncio.open_connection("127.0.0.1", servers.plain) for _ in range(50)]
    statuses = list[int]()
    for _ in range(12):
        for _, writer in streams:
            writer.write(request)
        heads = [await reader.readuntil(b"\r\n\r\n") for reader, _ in streams]
        for (reader, _), head in zip(streams, heads, strict=True):
            await reader.readexactly(int(re.search(rb"Content-Length: (\d+)", head)[1]))  # type: ignore[index]
        statuses = [int(head.split(b" ")[1]) for head in heads]
    for _, writer in streams:
        writer.close()
    assert set(statuses) == {200, 503}
    assert statuses.count(503) > statuses.count(200)
