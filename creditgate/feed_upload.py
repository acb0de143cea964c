"""Deliver records to the gateway in requests of bounded size, and follow the receipts to their end.

Requests go out one after the other, in the order of the file; the receipts of a few are followed meanwhile.
So a file of any length passes through with no more than a few requests in memory.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import orjson
from aiohttp import ClientError, ClientSession, ClientTimeout

from intake.rows.pipeline import PreparedRecord
from rules.faults import CreditGateError

MOST_REJECTED_KEPT = 10_000
_MOST_RECORDS = 500
_MOST_BYTES = 900_000
_MOST_FOLLOWED = 4
_TRIES = 6
_TIMEOUT = ClientTimeout(total=60)


class DeliveryFailedError(CreditGateError):
    """The gateway refused or could not be reached; the message is for people."""


@dataclass
class Delivery:
    """What became of the records so far. ``rejected`` keeps the first 10,000, ``rejected_count`` counts all."""

    accepted: int = 0
    applied: int = 0
    superseded: int = 0
    rejected_count: int = 0
    rejected: list[dict[str, Any]] = field(default_factory=list)
    receipts: list[str] = field(default_factory=list)

    def add(self, other: "Delivery") -> None:
        """Count another part of the delivery in."""
        self.accepted += other.accepted
        self.applied += other.applied
        self.superseded += other.superseded
        self.rejected_count += other.rejected_count
        self.rejected += other.rejected[: MOST_REJECTED_KEPT - len(self.rejected)]
        self.receipts += other.receipts

    def reject(self, *faults: dict[str, Any]) -> None:
        """Count rejected records."""
        self.add(Delivery(rejected_count=len(faults), rejected=list(faults)))


@dataclass
class _Chunk:
    """The records of one request with their lines, and how many rows were read for it."""

    lines: list[int] = field(default_factory=list)
    records: list[bytes] = field(default_factory=list)
    size: int = 0
    unreadable: list[dict[str, Any]] = field(default_factory=list)

    def take(self, row: PreparedRecord, data: bytes) -> None:
        self.lines.append(row.line)
        self.records.append(data)
        self.size += len(data) + 1


async def deliver(
    url: str,
    key: str,
    authority: str,
    rows: Iterable[PreparedRecord],
    *,
    wait: bool = True,
    progress: Callable[[int], None] = lambda _: None,
) -> Delivery:
    """Deliver all rows; with ``wait`` return once each is applied, superseded or rejected.

    A row that could not be read counts as rejected and is not sent. ``progress`` is told the number of
    records answered. Raises ``DeliveryFailedError``, and what reading the rows raises.
    """
    total = Delivery()
    headers = {"Authorization": f"Bearer {key}"}
    following: deque[asyncio.Task[Delivery]] = deque()

    async def oldest() -> None:
        done = await following.popleft()
        total.add(done)
        progress(done.accepted + done.rejected_count)

    async with ClientSession(headers=headers, timeout=_TIMEOUT) as session:
        try:
            for chunk in _chunks(rows):
                total.reject(*chunk.unreadable)
                if chunk.records:
                    done = await _post(session, f"{url}/v1/feeds/{authority}/records", chunk)
                    receipts = f"{url}/v1/feeds/receipts/"
                    following.append(asyncio.create_task(_follow(session, receipts, done, chunk.lines, wait)))
                if len(following) > _MOST_FOLLOWED:
                    await oldest()
            while following:
                await oldest()
        finally:
            for task in following:
                task.cancel()
    total.rejected.sort(key=lambda fault: fault["line"])
    return total


def _chunks(rows: Iterable[PreparedRecord]) -> Iterator[_Chunk]:
    chunk = _Chunk()
    for row in rows:
        if row.fault is not None:
            chunk.unreadable.append(row.fault.as_dict() | {"line": row.line})
        data = b"" if row.fault is not None else orjson.dumps(row.record)
        full = len(chunk.records) == _MOST_RECORDS or len(chunk.unreadable) > _MOST_RECORDS
        if full or (chunk.records and chunk.size + len(data) > _MOST_BYTES):
            yield chunk
            chunk = _Chunk()
        if data:
            chunk.take(row, data)
    yield chunk


async def _post(session: ClientSession, url: str, chunk: _Chunk) -> Delivery:
    status, document = await _ask(session, "POST", url, b"\n".join(chunk.records))
    if status != 202 and document.get("code") != "records_refused":
        raise DeliveryFailedError(_sentence(status, document))
    rejected = _rejected(document, chunk.lines)
    receipts = [document["receipt"]] if status == 202 else []
    accepted = len(chunk.records) - len(rejected)
    return Delivery(accepted=accepted, rejected_count=len(rejected), rejected=rejected, receipts=receipts)


async def _follow(session: ClientSession, receipts: str, done: Delivery, lines: list[int], wait: bool) -> Delivery:
    """The delivery once nothing of its receipt is queued any more, or at once when nobody waits."""
    delay = 0.02
    while wait and done.receipts:
        status, document = await _ask(session, "GET", receipts + done.receipts[0])
        if status != 200:
            raise DeliveryFailedError(_sentence(status, document))
        counts = document["counts"]
        if not counts["queued"]:
            rejected = _rejected(document, lines)
            return replace(
                done,
                applied=counts["applied"],
                superseded=counts["superseded"],
                rejected_count=len(rejected),
                rejected=rejected,
            )
        await asyncio.sleep(delay)
        delay = min(delay * 1.5, 1.0)
    return done


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
    raise DeliveryFailedError(problem)


def _rejected(document: dict[str, Any], lines: list[int]) -> list[dict[str, Any]]:
    return [r | {"line": lines[r["index"]]} for r in document["results"] if r["status"] == "rejected"]


def _sentence(status: int, document: dict[str, Any]) -> str:
    detail = f" ({document['detail']})" if document.get("detail") else ""
    return f"{status} {document.get('code')}: {document.get('title')}{detail} / {document.get('title_zh')}"
