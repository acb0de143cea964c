"""Upload records to the gateway in requests of bounded size, and poll their receipts until nothing is queued.

    rows ─▶ batches of 500 records ─▶ POST /v1/feeds/{authority}/records ─▶ receipts, four at a time ─▶ UploadReport

Requests are sent one after the other, in the order of the file. A file of any length needs the memory of a few
requests.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, NotRequired, TypedDict, cast

import orjson
from aiohttp import ClientError, ClientSession, ClientTimeout

from intake.rows.pipeline import PreparedRecord
from rules.faults import CreditGateError, InvalidRecordError

MAX_REPORTED_ROWS = 10_000
_BATCH_RECORDS = 500
_BATCH_BYTES = 900_000
_PENDING_RECEIPTS = 4
_ATTEMPTS = 6
_FIRST_RETRY_S = 0.2
_FIRST_POLL_S = 0.02
_MAX_POLL_S = 1.0
_REQUEST_TIMEOUT = ClientTimeout(total=60)


class UploadFailedError(CreditGateError):
    """The gateway refused the upload or did not answer; the message is for people."""


class RowFault(TypedDict):
    """Why one row of a file was rejected: its line, the stable code, the column, and the reason in two languages.

    What the gateway rejected also has its place in the request.
    """

    line: int
    code: str
    path: str
    reason: str
    reason_zh: str
    detail: NotRequired[str]
    index: NotRequired[int]
    status: NotRequired[str]
    record_no: NotRequired[str]


def row_fault(fault: InvalidRecordError, line: int) -> RowFault:
    """The fault of a row that was not sent."""
    return cast(RowFault, fault.as_dict() | {"line": line})


@dataclass
class UploadReport:
    """What became of the records so far. ``rejected`` keeps the first 10,000, ``rejected_count`` counts all."""

    accepted: int = 0
    applied: int = 0
    superseded: int = 0
    rejected_count: int = 0
    rejected: list[RowFault] = field(default_factory=list)
    receipts: list[str] = field(default_factory=list)

    def add(self, other: "UploadReport") -> None:
        """Add the report of another part of the upload."""
        self.accepted += other.accepted
        self.applied += other.applied
        self.superseded += other.superseded
        self.rejected_count += other.rejected_count
        self.rejected += other.rejected[: MAX_REPORTED_ROWS - len(self.rejected)]
        self.receipts += other.receipts


@dataclass
class _Batch:
    """The records of one request with the lines they came from, and the faults of rows that could not be read."""

    lines: list[int] = field(default_factory=list)
    records: list[bytes] = field(default_factory=list)
    size: int = 0
    unreadable: list[RowFault] = field(default_factory=list)

    def add(self, line: int, record: bytes) -> None:
        self.lines.append(line)
        self.records.append(record)
        self.size += len(record) + 1

    def has_room(self, record: bytes) -> bool:
        if len(self.records) == _BATCH_RECORDS or len(self.unreadable) > _BATCH_RECORDS:
            return False
        return not self.records or self.size + len(record) <= _BATCH_BYTES


async def upload(
    url: str,
    key: str,
    authority: str,
    rows: Iterable[PreparedRecord],
    *,
    wait: bool = True,
    progress: Callable[[int], None] = lambda _: None,
) -> UploadReport:
    """Upload all rows; with ``wait`` return once each is applied, superseded or rejected.

    A row that could not be read counts as rejected and is not sent. ``progress`` is called with the number of
    records answered. Raises ``UploadFailedError``, and what reading the rows raises.
    """
    total = UploadReport()
    headers = {"Authorization": f"Bearer {key}"}
    pending: deque[asyncio.Task[UploadReport]] = deque()

    async def finish_oldest() -> None:
        done = await pending.popleft()
        total.add(done)
        progress(done.accepted + done.rejected_count)

    async with ClientSession(headers=headers, timeout=_REQUEST_TIMEOUT) as session:
        try:
            for batch in _batches(rows):
                total.add(UploadReport(rejected_count=len(batch.unreadable), rejected=batch.unreadable))
                if batch.records:
                    sent = await _send(session, f"{url}/v1/feeds/{authority}/records", batch)
                    receipts = f"{url}/v1/feeds/receipts/"
                    pending.append(asyncio.create_task(_poll_receipt(session, receipts, sent, batch.lines, wait)))
                if len(pending) > _PENDING_RECEIPTS:
                    await finish_oldest()
            while pending:
                await finish_oldest()
        finally:
            for task in pending:
                task.cancel()
    total.rejected.sort(key=lambda fault: fault["line"])
    return total


def _batches(rows: Iterable[PreparedRecord]) -> Iterator[_Batch]:
    batch = _Batch()
    for row in rows:
        record = b"" if row.fault is not None else orjson.dumps(row.record)
        if row.fault is not None:
            batch.unreadable.append(row_fault(row.fault, row.line))
        if not batch.has_room(record):
            yield batch
            batch = _Batch()
        if record:
            batch.add(row.line, record)
    yield batch


async def _send(session: ClientSession, url: str, batch: _Batch) -> UploadReport:
    status, document = await _request(session, "POST", url, b"\n".join(batch.records))
    if status != 202 and document.get("code") != "records_refused":
        raise UploadFailedError(_problem_line(status, document))
    rejected = _rejected(document, batch.lines)
    receipts = [document["receipt"]] if status == 202 else []
    accepted = len(batch.records) - len(rejected)
    return UploadReport(accepted=accepted, rejected_count=len(rejected), rejected=rejected, receipts=receipts)


async def _poll_receipt(
    session: ClientSession, receipts: str, sent: UploadReport, lines: list[int], wait: bool
) -> UploadReport:
    """The report once nothing of its receipt is queued; without ``wait`` the report as it is."""
    delay = _FIRST_POLL_S
    while wait and sent.receipts:
        status, document = await _request(session, "GET", receipts + sent.receipts[0])
        if status != 200:
            raise UploadFailedError(_problem_line(status, document))
        counts = document["counts"]
        if not counts["queued"]:
            rejected = _rejected(document, lines)
            return replace(
                sent,
                applied=counts["applied"],
                superseded=counts["superseded"],
                rejected_count=len(rejected),
                rejected=rejected,
            )
        await asyncio.sleep(delay)
        delay = min(delay * 1.5, _MAX_POLL_S)
    return sent


async def _request(
    session: ClientSession, method: str, url: str, body: bytes | None = None
) -> tuple[int, dict[str, Any]]:
    """One request; a 5xx or a lost connection is retried, since every record is idempotent."""
    headers = {"Content-Type": "application/x-ndjson"} if body is not None else {}
    problem = ""
    for attempt in range(_ATTEMPTS):
        try:
            async with session.request(method, url, data=body, headers=headers) as response:
                document = orjson.loads(await response.read())
                if response.status < 500:
                    return response.status, document
                problem = _problem_line(response.status, document)
        except (ClientError, OSError, TimeoutError, orjson.JSONDecodeError) as error:
            problem = f"{type(error).__name__}: the gateway at {url.split('/v1', maxsplit=1)[0]} does not answer"
        await asyncio.sleep(_FIRST_RETRY_S * 2**attempt)
    raise UploadFailedError(problem)


def _rejected(document: dict[str, Any], lines: list[int]) -> list[RowFault]:
    rejected = (result for result in document["results"] if result["status"] == "rejected")
    return [cast(RowFault, result | {"line": lines[result["index"]]}) for result in rejected]


def _problem_line(status: int, document: dict[str, Any]) -> str:
    detail = f" ({document['detail']})" if document.get("detail") else ""
    return f"{status} {document.get('code')}: {document.get('title')}{detail} / {document.get('title_zh')}"
