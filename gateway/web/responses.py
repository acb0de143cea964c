"""JSON answers, and the pages of long lists."""

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import orjson
from aiohttp import web

from gateway.web.problems import ProblemError

_HEADERS = {"Content-Type": "application/json", "Cache-Control": "no-store"}
_MOST = 200
T = TypeVar("T")


def answer_json(document: Mapping[str, Any], status: int = 200) -> web.Response:
    """A document as JSON, which nobody may keep."""
    return web.Response(body=orjson.dumps(document), status=status, headers=_HEADERS)


def page_size(query: Mapping[str, str]) -> int:
    """How many items are asked for. Raises ``ProblemError``."""
    text = query.get("limit", "50")
    if not (text.isascii() and text.isdigit() and len(text) < 5 and 1 <= int(text) <= _MOST):
        raise ProblemError("request_invalid", f"limit: 1 to {_MOST}", path="limit")
    return int(text)


def place_in(query: Mapping[str, str], *kinds: type) -> tuple[Any, ...] | None:
    """Where the page before ended, from the cursor it gave out; None for the first. Raises ``ProblemError``."""
    cursor = query.get("cursor")
    if cursor is None:
        return None
    try:
        place = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError):
        raise ProblemError("request_invalid", "no cursor of ours", path="cursor") from None
    fits = isinstance(place, list) and len(place) == len(kinds)
    if not fits or not all(_is_step(step, kind) for step, kind in zip(place, kinds, strict=True)):
        raise ProblemError("request_invalid", "no cursor of ours", path="cursor")
    return tuple(place)


def _is_step(step: object, kind: type) -> bool:
    """Whether a cursor of ours could hold it: what no column holds must not reach a database."""
    if isinstance(step, str):
        return kind is str and "\x00" not in step
    return type(step) is kind and isinstance(step, int) and abs(step) < 1 << 63


def cursor_to(items: Sequence[T], limit: int, *place: Any) -> str | None:  # noqa: ANN401
    """The cursor to the next page, from the place of the last item; None when this page was the last."""
    if len(items) < limit:
        return None
    return base64.urlsafe_b64encode(orjson.dumps(place)).decode().rstrip("=")
