"""Which requests the fast lane takes: checks whose head has exactly the plain form; aiohttp takes all others.

The head is parsed by ``httptools``, which is llhttp, as is aiohttp's parser: both agree on where a request ends. The
lane is stricter than either: the bytes must have one form, which parsers that are lenient about line ends or spaces
read in the same way. A request that is not plain is not refused but handed over, so that aiohttp answers it.
"""

import re
from typing import NamedTuple

import httptools

MAX_HEAD_BYTES = 8190
"""Within what aiohttp allows for a single line."""
_MAX_HEADERS = 64
_CACHED_HEADS = 512
_TARGETS = {b"/v1/checks": False, b"/v1/checks/batch": True}
_FORM = re.compile(rb"POST /v1/checks(?:/batch)? HTTP/1\.1\r\n(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t\x20-\x7e]*\r\n)+\r\n")
"""RFC 9112 without the leniency that it allows: no folded or bare line ends, no space before a colon, ASCII only."""
_REQUIRED = {b"host", b"content-length"}
_NOT_PLAIN = {
    b"transfer-encoding",
    b"content-encoding",
    b"expect",
    b"upgrade",
    b"te",
    b"trailer",
    b"http2-settings",
    b"proxy-connection",
    b"keep-alive",
    b"sec-websocket-key1",  # aiohttp refuses it
}
"""Headers that change how a request is framed, what the connection is for, or whether it is answered."""
_MAX_LENGTH_DIGITS = 10
_PLAIN_TYPE = b"application/json"
_PLAIN_TYPES = {_PLAIN_TYPE, b"application/json;charset=utf-8", b"application/json; charset=utf-8"}


class Head(NamedTuple):
    """The head of a request that the lane takes."""

    batch: bool
    authorization: str
    length: int
    """Of its body, in bytes."""

    @property
    def route(self) -> str:
        """Its target."""
        return "/v1/checks/batch" if self.batch else "/v1/checks"


class _ParsedHead:
    """What the parser reports of a head: it calls the methods."""

    def __init__(self) -> None:
        self.target = b""
        self.headers: list[tuple[bytes, bytes]] = []
        self.complete = False
        self.ended = False
        self.has_body = False

    def on_url(self, url: bytes) -> None:
        self.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        self.complete = True

    def on_body(self, _body: bytes) -> None:
        self.has_body = True

    def on_message_complete(self) -> None:
        self.ended = True


class HeadReader:
    """Reads heads, with a cache: a client sends nearly the same head each time."""

    def __init__(self) -> None:
        self._cache: dict[bytes, Head | None] = {}

    def read(self, head: bytes) -> Head | None:
        """The head of one request, with its blank line; None when it is not for the lane."""
        try:
            return self._cache[head]
        except KeyError:
            pass
        if len(self._cache) >= _CACHED_HEADS:
            self._cache.clear()
        found = self._cache[head] = _read(head)
        return found


def _read(head: bytes) -> Head | None:
    if len(head) > MAX_HEAD_BYTES or _FORM.fullmatch(head) is None:
        return None
    parsed = _ParsedHead()
    parser = httptools.HttpRequestParser(parsed)
    try:
        parser.feed_data(head)
    except (httptools.HttpParserError, httptools.HttpParserUpgrade):
        return None
    headers = dict(parsed.headers)
    plain = (
        parsed.complete
        and not parsed.has_body  # else the head ended sooner for the parser
        and parsed.target in _TARGETS
        and parser.get_method() == b"POST"
        and parser.get_http_version() == "1.1"
        and len(headers) == len(parsed.headers) <= _MAX_HEADERS  # no name twice
        and headers.keys() >= _REQUIRED
        and not headers.keys() & _NOT_PLAIN
        and headers.get(b"connection", b"keep-alive").lower() == b"keep-alive"
        and headers.get(b"content-type", _PLAIN_TYPE).lower() in _PLAIN_TYPES
    )
    length = headers.get(b"content-length", b"")
    if not plain or not length.isdigit() or len(length) > _MAX_LENGTH_DIGITS or parsed.ended is not (int(length) == 0):
        return None
    authorization = headers.get(b"authorization", b"").decode().rstrip(" \t")
    return Head(_TARGETS[parsed.target], authorization, int(length))
