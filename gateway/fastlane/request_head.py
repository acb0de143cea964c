"""Which requests the fast lane takes: checks whose head is exactly of the plain form; all others are aiohttp's.

The head is read by ``httptools``, which is llhttp, as is aiohttp's own reader: no two opinions on where a request ends.
On top of it the lane is stricter than either: the bytes must have one form, in which readers that are lenient about
line ends or spaces find nothing else. What is not plain is not refused but handed over, so that aiohttp says what is
wrong with it.
"""

import re
from typing import NamedTuple

import httptools

LONGEST_HEAD = 8190
"""Bytes; within what aiohttp allows for a single line."""
_MOST_HEADERS = 64
_REMEMBERED = 512
_TARGETS = {b"/v1/checks": False, b"/v1/checks/batch": True}
_FORM = re.compile(rb"POST /v1/checks(?:/batch)? HTTP/1\.1\r\n(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t\x20-\x7e]*\r\n)+\r\n")
"""RFC 9112 without what it lets a reader forgive: no folded or bare line ends, no space before a colon, ASCII only."""
_NEEDED = {b"host", b"content-length"}
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
"""They change how a request is framed, what the connection is for, or whether it is answered at all."""
_MOST_DIGITS = 10
_PLAIN_TYPE = b"application/json"
_PLAIN_TYPES = {_PLAIN_TYPE, b"application/json;charset=utf-8", b"application/json; charset=utf-8"}


class Head(NamedTuple):
    """A request that the lane takes."""

    batch: bool
    authorization: str
    length: int
    """Of its body, in bytes."""

    @property
    def route(self) -> str:
        """Its target."""
        return "/v1/checks/batch" if self.batch else "/v1/checks"


class _Told:
    """What the reader tells of a head."""

    def __init__(self) -> None:
        self.target = b""
        self.headers: list[tuple[bytes, bytes]] = []
        self.complete = False
        self.ended = False
        self.more = False

    def on_url(self, url: bytes) -> None:
        self.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        self.complete = True

    def on_body(self, _body: bytes) -> None:
        self.more = True

    def on_message_complete(self) -> None:
        self.ended = True


class HeadReader:
    """Reads heads; those it met lately it knows again, since a client sends nearly the same each time."""

    def __init__(self) -> None:
        self._met: dict[bytes, Head | None] = {}

    def read(self, head: bytes) -> Head | None:
        """The head of one request, blank line and all; None when it is not for the lane."""
        try:
            return self._met[head]
        except KeyError:
            pass
        if len(self._met) >= _REMEMBERED:
            self._met.clear()
        found = self._met[head] = _read(head)
        return found


def _read(head: bytes) -> Head | None:
    if len(head) > LONGEST_HEAD or _FORM.fullmatch(head) is None:
        return None
    told = _Told()
    parser = httptools.HttpRequestParser(told)
    try:
        parser.feed_data(head)
    except (httptools.HttpParserError, httptools.HttpParserUpgrade):
        return None
    headers = dict(told.headers)
    plain = (
        told.complete
        and not told.more  # else it saw the head end sooner
        and told.target in _TARGETS
        and parser.get_method() == b"POST"
        and parser.get_http_version() == "1.1"
        and len(headers) == len(told.headers) <= _MOST_HEADERS  # no name twice
        and headers.keys() >= _NEEDED
        and not headers.keys() & _NOT_PLAIN
        and headers.get(b"connection", b"keep-alive").lower() == b"keep-alive"
        and headers.get(b"content-type", _PLAIN_TYPE).lower() in _PLAIN_TYPES
    )
    length = headers.get(b"content-length", b"")
    if not plain or not length.isdigit() or len(length) > _MOST_DIGITS or told.ended is not (int(length) == 0):
        return None
    authorization = headers.get(b"authorization", b"").decode().rstrip(" \t")
    return Head(_TARGETS[told.target], authorization, int(length))
