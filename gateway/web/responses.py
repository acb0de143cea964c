"""JSON responses, and the pages of long lists."""

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import orjson
from aiohttp import web

from gateway.web.problems import ProblemError

JSON_HEADERS: Mapping[str, str] = {"Content-Type": "application/json", "Cache-Control": "no-store"}
"""Of every JSON response: no cache may keep it."""
MAX_PAGE_ITEMS = 200
_DEFAULT_PAGE_ITEMS = "50"
_MAX_INTEGER = 1 << 63
"""One more than a BIGINT column holds."""
T = TypeVar("T")


def json_response(
    document: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None
) -> web.Response:
    """A document as JSON, with ``headers`` besides those of every JSON response."""
    return web.Response(body=orjson.dumps(document), status=status, headers={**JSON_HEADERS, **(headers or {})})


def page_size(query: Mapping[str, str]) -> int:
    """The query's ``limit``: how many items a page holds at most. Raises ``ProblemError``."""
    text = query.get("limit", _DEFAULT_PAGE_ITEMS)
    if not (text.isascii() and text.isdigit() and len(text) < 5 and 1 <= int(text) <= MAX_PAGE_ITEMS):
        raise ProblemError("request_invalid", f"limit: 1 to {MAX_PAGE_ITEMS}", path="limit")
    return int(text)


def cursor_position(query: Mapping[str, str], *kinds: type) -> tuple[Any, ...] | None:
    """The sort key of the last item of the page before, from the query's ``cursor``; None for the first page.

    ``kinds`` are the types of the key's parts. Raises ``ProblemError`` for a cursor that this service did not issue.
    """
    cursor = query.get("cursor")
    if cursor is None:
        return None
    try:
        position = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError):
        raise ProblemError("request_invalid", "no cursor of ours", path="cursor") from None
    fits = isinstance(position, list) and len(position) == len(kinds)
    if not fits or not all(_is_key_part(part, kind) for part, kind in zip(position, kinds, strict=True)):
        raise ProblemError("request_invalid", "no cursor of ours", path="cursor")
    return tuple(position)


def _is_key_part(part: object, kind: type) -> bool:
    """Whether a column can hold it: any other value must not reach the database."""
    if isinstance(part, str):
        return kind is str and "\x00" not in part
    return type(part) is kind and isinstance(part, int) and abs(part) < _MAX_INTEGER


def next_cursor(items: Sequence[T], limit: int, *last_key: Any) -> str | None:  # noqa: ANN401
    """The cursor to the next page, from the sort key of this page's last item; None when this page is the last."""
    if len(items) < limit:
        return None
    return base64.urlsafe_b64encode(orjson.dumps(last_key)).decode().rstrip("=")
