"""Deliver records to the gateway in requests of bounded size, and follow the receipts to their end."""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiohttp import ClientError, ClientSession, ClientTimeout

from creditgate.feed_files import Row

_MOST_RECORDS = 500
_MOST_BYTES = 900_000
_TRIES = 6
_TIMEOUT = ClientTimeout(total=60)


class DeliveryFailed(Exception):
    """The gateway refused or could not be reached; the message is for people."""


@dataclass
class Delivery:
    """What became of the records so far."""

    accepted: int = 0
    applied: int = 0
    superseded: int = 0
    rejected: list[dict[str, Any]] = field(default_factory=list)
    receipts: list[str] = field(default_factory=list)

    def __add__(self, other: "Delivery") -> "Delivery":
        return Delivery(
            self.accepted + other.accepted,
            self.applied + other.applied,
            self.superseded + other.superseded,
            self.rejected + other.rejected,
            self.receipts + other.receipts,
        )


async def deliver(
    url: str,
    key: str,
    authority: str,
    rows: Iterable[Row],
    *,
    wait: bool = True,
    progress: Callable[[int], None] = lambda _: None,
) -> Delivery:
    """Deliver all rows; with ``wait`` return once each is applied, superseded or rejected.

    ``progress`` is told the number of records answered. Raises ``DeliveryFailed``.
    """
    total = Delivery()
    headers = {"Authorization": f"Bearer {key}"}
    async with ClientSession(headers=headers, timeout=_TIMEOUT) as session:
        for chunk in _chunks(rows):
            done, lines = await _post(session, f"{url}/v1/feeds/{authority}/records", chunk)
            if wait and done.receipts:
                done = await _settled(session, f"{url}/v1/feeds/receipts/{done.receipts[0]}", done, lines)
            total += done
            progress(len(chunk))
    return total


def _chunks(rows: Iterable[Row]) -> Iterator[list[tuple[int, bytes]]]:
    chunk: list[tuple[int, bytes]] = []
    size = 0
    for row in rows:
        data = orjson.dumps(row.value)
        if chunk and (len(chunk) == _MOST_RECORDS or size + len(data) > _MOST_BYTES):
            yield chunk
            chunk, size = [], 0
        chunk.append((row.line, data))
        size += len(data) + 1
    if chunk:
        yield chunk


async def _post(session: ClientSession, url: str, chunk: list[tuple[int, bytes]]) -> tuple[Delivery, list[int]]:
    body = b"\n".join(data for _, data in chunk)
    lines = [line for line, _ in chunk]
    status, document = await _ask(session, "POST", url, body)
    if status != 202 and document.get("code") != "records_refused":
        raise DeliveryFailed(_sentence(status, document))
    rejected = [_with_line(result, lines) for result in document["results"] if result["status"] == "rejected"]
    receipts = [document["receipt"]] if status == 202 else []
    return Delivery(accepted=len(chunk) - len(rejected), rejected=rejected, receipts=receipts), lines


async def _settled(session: ClientSession, url: str, done: Delivery, lines: list[int]) -> Delivery:
    delay = 0.02
    while True:
        status, document = await _ask(session, "GET", url)
        if status != 200:
            raise DeliveryFailed(_sentence(status, document))
        counts = document["counts"]
        if not counts["queued"]:
            done.applied, done.superseded = counts["applied"], counts["superseded"]
            done.rejected = [_with_line(r, lines) for r in document["results"] if r["status"] == "rejected"]
            return done
        await asyncio.sleep(delay)
        delay = min(delay * 1.5, 1.0)


async def _ask(session: ClientSession, method: str, url: str, body: bytes | None = None) -> tuple[int, dict[str, Any]]:
    """One request; a 5xx or a lost connection is tried again, since every record is idempotent."""
    headers = {"Content-Type": "application/x-ndjson"} if body is not None else {}
    problem = ""
    for attempt in range(_TRIES):
        try:
            async with session.request(method, url, data=body, headers=headers) as response:
                document = orjson.loads(await response.read())
                if response.status < 500:
                    return response.status, document
                problem = _sentence(response.status, document)
        except (ClientError, OSError, TimeoutError, orjson.JSONDecodeError) as error:
            problem = f"{type(error).__name__}: the gateway at {url.split('/v1', maxsplit=1)[0]} does not answer"
        await asyncio.sleep(0.2 * 2**attempt)
    raise DeliveryFailed(problem)


def _with_line(result: dict[str, Any], lines: list[int]) -> dict[str, Any]:
    return result | {"line": lines[result["index"]]}


def _sentence(status: int, document: dict[str, Any]) -> str:
    detail = f" ({document['detail']})" if document.get("detail") else ""
    return f"{status} {document.get('code')}: {document.get('title')}{detail} / {document.get('title_zh')}"
