"""One call to the gateway, for commands that go through its doors as anybody does."""

import asyncio
from typing import Any

import orjson
from aiohttp import ClientError, ClientSession, ClientTimeout

from creditgate.cli.terminal import MISUSE, REFUSED, fail, print_json

_TIMEOUT = ClientTimeout(total=30)


def call(
    method: str,
    url: str,
    key: str,
    *,
    query: dict[str, str] | None = None,
    body: dict[str, Any] | None = None,
    as_json: bool = False,
) -> dict[str, Any]:
    """The answer's document; ends with 1 or 2 and a line on stderr when it is a problem."""
    status, document = asyncio.run(_ask(method, url, key, query or {}, body))
    if status < 400:
        return document
    if as_json:
        print_json(document)
    detail = document.get("detail", "")
    line = f"{status} {document['code']}: {document['title']} / {document['title_zh']}\n{detail}".strip()
    # What a call came too late for is a negative answer, not a misuse.
    fail(line, REFUSED if status >= 500 or status == 409 else MISUSE)


async def _ask(
    method: str, url: str, key: str, query: dict[str, str], body: dict[str, Any] | None
) -> tuple[int, dict[str, Any]]:
    headers = {"Authorization": f"Bearer {key}"}
    headers |= {"Content-Type": "application/json"} if body is not None else {}
    data = orjson.dumps(body) if body is not None else None
    try:
        async with (
            ClientSession(timeout=_TIMEOUT, headers=headers) as session,
            session.request(method, url, params=query, data=data) as response,
        ):
            return response.status, orjson.loads(await response.read())
    except (ClientError, OSError, TimeoutError, orjson.JSONDecodeError) as error:
        fail(f"The gateway does not answer ({type(error).__name__}). / 网关无响应。")
