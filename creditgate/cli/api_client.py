"""One HTTP call to the gateway, for commands that use its interface like any client."""

import asyncio
from typing import Any

import orjson
from aiohttp import ClientError, ClientSession, ClientTimeout

from creditgate.cli.terminal import MISUSE, REFUSED, fail, print_json

_CALL_TIMEOUT = ClientTimeout(total=30)


def call(
    method: str,
    url: str,
    key: str,
    *,
    query: dict[str, str] | None = None,
    body: dict[str, Any] | None = None,
    as_json: bool = False,
) -> dict[str, Any]:
    """The response's document; for a problem, print it on stderr and exit with 1 (5xx, 409) or 2 (other 4xx)."""
    status, document = asyncio.run(_request(method, url, key, query or {}, body))
    if status < 400:
        return document
    if as_json:
        print_json(document)
    detail = document.get("detail", "")
    line = f"{status} {document['code']}: {document['title']} / {document['title_zh']}\n{detail}".strip()
    # A conflict with the present state is a negative answer, not a misuse.
    fail(line, REFUSED if status >= 500 or status == 409 else MISUSE)


async def _request(
    method: str, url: str, key: str, query: dict[str, str], body: dict[str, Any] | None
) -> tuple[int, dict[str, Any]]:
    headers = {"Authorization": f"Bearer {key}"}
    headers |= {"Content-Type": "application/json"} if body is not None else {}
    data = orjson.dumps(body) if body is not None else None
    try:
        async with (
            ClientSession(timeout=_CALL_TIMEOUT, headers=headers) as session,
            session.request(method, url, params=query, data=data) as response,
        ):
            return response.status, orjson.loads(await response.read())
    except (ClientError, OSError, TimeoutError, orjson.JSONDecodeError) as error:
        fail(f"The gateway does not answer ({type(error).__name__}). / 网关无响应。")
