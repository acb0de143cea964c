"""Clients that send requests throughout an event of the program, and a tally of the outcome of each request.

Raw HTTP/1.1, so that no library retries a request unseen.
"""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from tests.e2e.program import Program

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
_DEADLINE = 30.0
_PAUSE = 0.005
"""Seconds between the requests of one client, which leave the machine time for the event under test."""


@dataclass
class Head:
    """The head of an answer, and its body when it came whole."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:  # noqa: ANN401
        return json.loads(self.body)

    @property
    def stays(self) -> bool:
        return self.headers.get("connection", "keep-alive").lower() != "close"


@dataclass
class RequestTally:
    """Outcomes of the requests. ``lost`` has the error of each request that was sent and got no whole answer."""

    answered: Counter[int] = field(default_factory=Counter)
    without_retry_after: int = 0
    refused: int = 0
    refused_early: int = 0
    lost: list[str] = field(default_factory=list)
    drain_seen: bool = False


def question(key: str, identifier: str, scene: str = "finance.loan", role: str = "borrower", **more: str) -> bytes:
    """A check as it goes over the wire."""
    body = json.dumps(
        {
            "scene": scene,
            "transaction_id": f"T-{uuid4().hex}",
            "operator": "clerk-7",
            "purpose": "贷款审查",
            "subjects": [{"role": role, "id": identifier}],
        }
        | more
    ).encode()
    return head("POST", "/v1/checks", key, f"Content-Length: {len(body)}", "Content-Type: application/json") + body


def head(method: str, path: str, key: str, *more: str) -> bytes:
    """The head of a request."""
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", f"Authorization: Bearer {key}", *more]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


async def whole_answer(reader: asyncio.StreamReader) -> Head:
    """One answer. Raises ``asyncio.IncompleteReadError`` or ``ConnectionError`` when it is not whole."""
    status, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().rstrip().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers["content-length"]))
    return Head(int(status.split()[1]), headers, body)


async def _client(program: Program, ask: bytes, tally: RequestTally, stopped: asyncio.Event, *, keep: bool) -> None:
    streams: Streams | None = None
    while not stopped.is_set():
        if streams is None:
            try:
                streams = await asyncio.open_connection("127.0.0.1", program.port)
            except ConnectionRefusedError:
                tally.refused += 1
                tally.refused_early += not tally.drain_seen
                await asyncio.sleep(0.02)
                continue
        streams = await _ask(streams, ask, tally, keep=keep)
        await asyncio.sleep(_PAUSE)
    if streams is not None:
        streams[1].close()


async def _ask(streams: Streams, ask: bytes, tally: RequestTally, *, keep: bool) -> Streams | None:
    """Ask once; the connection when it is to be used again."""
    reader, writer = streams
    try:
        async with asyncio.timeout(_DEADLINE):
            writer.write(ask)
            answer = await whole_answer(reader)
    except (OSError, asyncio.IncompleteReadError, TimeoutError) as error:
        tally.lost.append(f"{type(error).__name__} {error}")
        writer.close()
        return None
    tally.answered[answer.status] += 1
    tally.without_retry_after += answer.status == 503 and "retry-after" not in answer.headers
    if keep and answer.stays:
        return streams
    writer.close()
    return None


@asynccontextmanager
async def under_load(program: Program, identifier: str, *, kept: int = 4, new: int = 3) -> AsyncIterator[RequestTally]:
    """Load while the block runs: ``kept`` clients that keep their connection, ``new`` that take a new one each time.

    Every other client requests a schema instead of a check, which another part of the gateway serves.
    """
    tally, stopped = RequestTally(), asyncio.Event()
    asks = question(program.key, identifier), head("GET", "/v1/schemas/feed-record", program.key)
    clients = [
        asyncio.create_task(_client(program, asks[number % 2], tally, stopped, keep=number < kept))
        for number in range(kept + new)
    ]
    try:
        yield tally
    finally:
        stopped.set()
        with suppress(asyncio.CancelledError):
            await asyncio.gather(*clients)
