"""The fast lane accepts a request head only if aiohttp's parser reads the same request from it."""

import asyncio
import random
from collections.abc import Iterator
from typing import Any
from unittest.mock import Mock

import pytest
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.http_parser import HttpRequestParser

from gateway.fastlane.request_head import MAX_HEAD_BYTES, Head, HeadReader

PLAIN = (
    b"POST /v1/checks HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer k\r\nContent-Type: application/json\r\n"
    b"X-B: c d\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n"
)
SEAMS = (
    b"\r\n",
    b"\n",
    b"\r",
    b"\r\n\r\n",
    b"\n\n",
    b"\r\r\n",
    b"\n\r\n",
    b"\r\n ",
    b"\r\n\t",
    b": ",
    b"\x00\r\n",
    b"HTTP/1.1\r\n",
)
LINES = (
    b"Content-Length: 0\r\n",
    b"Content-Length: 7\r\n",
    b"Content-Length:\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Transfer-Encoding : chunked\r\n",
    b"Transfer-Encoding:\tchunked\r\n",
    b"transfer-encoding: identity\r\n",
    b"Host: b\r\n",
    b"Authorization: Bearer x\r\n",
    b"Upgrade: websocket\r\n",
    b"Sec-WebSocket-Key1: x\r\n",
    b"Expect: 100-continue\r\n",
    b"Connection: upgrade\r\n",
    b"Content-Encoding: gzip\r\n",
    b"Trailer: x\r\n",
    b"User-Agent: x\r\nUser-Agent: y\r\n",
)


def with_lines(*lines: str) -> bytes:
    return "\r\n".join(("POST /v1/checks HTTP/1.1", *lines, "", "")).encode()


@pytest.mark.parametrize(
    ("lines", "length"),
    [
        (("Host: a", "Content-Length: 12"), 12),
        (("host:a", "CONTENT-LENGTH:0012"), 12),
        (("Host:", "Content-Length: 0"), 0),
        (("Host: a", "Content-Type: Application/JSON; charset=UTF-8", "Content-Length: 1"), 1),
        (("Host: a", "Content-Type: application/json;charset=utf-8", "Connection: Keep-Alive", "Content-Length: 1"), 1),
        (("Host: a", "Accept: */*", "Cookie: a=b; c=d", "X-Forwarded-For: 10.0.0.1, ::1", "Content-Length: 1"), 1),
    ],
)
def test_what_ordinary_clients_send_is_taken(lines: tuple[str, ...], length: int) -> None:
    """In any letter case, with the headers that client libraries add."""
    assert HeadReader().read(with_lines(*lines)) == Head(False, "", length)


@pytest.mark.parametrize("target", [b"/v1/checks/batch", b"/v1/checks"])
def test_head_has_target_and_key(target: bytes) -> None:
    """Spaces after the key are not part of it."""
    head = HeadReader().read(PLAIN.replace(b"/v1/checks", target).replace(b"Bearer k", b"Bearer k \t"))
    assert head == Head(target.endswith(b"batch"), "Bearer k", 0)
    assert head.route == target.decode()


@pytest.mark.parametrize(
    "lines",
    [
        ("Content-Length: 1",),
        ("Host: a",),
        ("Host: a", "Host: a", "Content-Length: 1"),
        ("Host: a", "Content-Length: 1", "Content-Length: 1"),
        ("Host: a", "Content-Length: 1, 1"),
        ("Host: a", "Content-Length: 1 "),
        ("Host: a", "Content-Length: +1"),
        ("Host: a", "Content-Length: -1"),
        ("Host: a", "Content-Length: 0x1"),
        ("Host: a", "Content-Length: 1_0"),
        ("Host: a", "Content-Length: 99999999999"),
        ("Host: a", "Content-Length : 1"),
        ("Host: a", "Content-Length: 1", "Transfer-Encoding: chunked"),
        ("Host: a", "Content-Length: 1", "Transfer-Encoding: chunked, identity"),
        ("Host: a", "Content-Length: 1", "Transfer-Encoding:  chunked"),
        ("Host: a", "Content-Length: 1", "Connection: close"),
        ("Host: a", "Content-Length: 1", "Connection: keep-alive, upgrade"),
        ("Host: a", "Content-Length: 1", "Sec-WebSocket-Key1: x"),
        ("Host: a", "Content-Length: 1", "Expect: 100-continue"),
        ("Host: a", "Content-Length: 1", "Content-Type: application/x-ndjson"),
        ("Host: a", "Content-Length: 1", "Content-Type: application/json; charset=gbk"),
        ("Host: a", "Content-Length: 1", "X-A: b\r\n c"),
        ("Host: a", "Content-Length: 1", "X-A: b\nX-B: c"),
        ("Host: a", "Content-Length: 1", "X-A: b\rX-B: c"),
        ("Host: a", "Content-Length: 1", "X-A: \x01"),
        ("Host: a", "Content-Length: 1", "X-A: \x7f"),
        ("Host: a", "Content-Length: 1", "X-A: é"),
        ("Host: a", "Content-Length: 1", "X(A): b"),
        ("Host: a", "Content-Length: 1", "X-A: " + "b" * MAX_HEAD_BYTES),
        ("Host: a", "Content-Length: 1", *(f"X-{number}: b" for number in range(70))),
    ],
)
def test_ambiguous_heads_are_not_taken(lines: tuple[str, ...]) -> None:
    """These heads go to aiohttp, which refuses or answers them."""
    assert HeadReader().read(with_lines(*lines)) is None


async def test_taken_heads_are_read_alike_by_aiohttp() -> None:
    """Every byte at every position of a plain head, inserted separators and lines, and seeded mixtures of these."""
    loop = asyncio.get_running_loop()
    reader, taken = HeadReader(), 0
    for request in mutants():
        end = request.find(b"\r\n\r\n")
        head = reader.read(request[: end + 4]) if end >= 0 else None
        if head is not None:
            taken += 1
            assert read_by_aiohttp(request[: end + 4] + b"x" * head.length, loop) == as_told(head), request
    assert taken > 5_000


def test_head_cache_is_bounded() -> None:
    """The same bytes give the same object; new heads do not grow the cache without limit."""
    reader = HeadReader()
    first = reader.read(PLAIN)
    assert first is not None
    assert reader.read(PLAIN) is first
    for number in range(2_000):
        reader.read(PLAIN.replace(b"c d", b"%d" % number))
    assert reader.read(PLAIN) == first
    assert reader.read(PLAIN) is not first


def mutants() -> Iterator[bytes]:
    for at in range(len(PLAIN) + 1):
        for byte in range(256):
            yield PLAIN[:at] + bytes([byte]) + PLAIN[at + 1 :]
            yield PLAIN[:at] + bytes([byte]) + PLAIN[at:]
        yield PLAIN[:at] + PLAIN[at + 1 :]
        for piece in SEAMS + LINES:
            yield PLAIN[:at] + piece + PLAIN[at:]
    chance = random.Random(20_261_123)
    for _ in range(10_000):
        request = PLAIN
        for _ in range(chance.choice((2, 3, 4))):
            at = chance.randrange(len(request))
            request = (
                request[:at]
                + chance.choice(SEAMS + LINES + (b"", b" ", b"\t", b",", b"-"))
                + request[at + chance.randrange(3) :]
            )
        yield request


def as_told(head: Head) -> tuple[Any, ...]:
    return "POST", head.route, (1, 1), head.authorization, head.length, False, 1, b""


def read_by_aiohttp(request: bytes, loop: asyncio.AbstractEventLoop) -> tuple[Any, ...] | str:
    """What aiohttp's parser, configured as in the gateway, reads from the bytes; or the name of its exception."""
    protocol = Mock(_reading_paused=False)
    parser = HttpRequestParser(protocol, loop, 2**16, max_line_size=8190, max_headers=128, max_field_size=8190)
    try:
        messages, upgraded, tail = parser.feed_data(request)
    except HttpProcessingError as error:
        return type(error).__name__
    found = messages[0][0]
    length = int(found.headers["Content-Length"])
    special = found.upgrade or found.chunked or found.should_close or upgraded or found.compression is not None
    key = found.headers.get("Authorization", "")
    return found.method, found.path, tuple(found.version), key, length, special, len(messages), tail
