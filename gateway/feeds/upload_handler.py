"""A whole file from a department, in its own columns: as news, or as the full list that it has."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from aiohttp import web

from gateway.feeds.full_list import FullListDelivery
from gateway.feeds.handlers import fed_authority
from gateway.feeds.publish import FeedPublisher
from gateway.feeds.upload import uploaded_file
from gateway.feeds.upload_rows import UploadRows
from gateway.web.auth import Authenticator
from gateway.web.problems import ProblemError
from gateway.web.responses import json_response
from intake.files.tables import FileUnreadableError
from intake.formats.model import FEED_RECORD, Format
from rules.admission.validator import RecordValidator
from rules.calendar import civil_day, rfc3339, to_milliseconds
from rules.vocabulary import ListColour

_MOST_TOLD = 1000
_MODES = ("incremental", "snapshot")


@dataclass(slots=True)
class UploadResponse:
    """What became of a file at the door. The first 1,000 rejected rows are told, all are counted."""

    rows: int = 0
    queued: int = 0
    rejected_count: int = 0
    receipts: list[str] = field(default_factory=list)
    rejected: list[dict[str, Any]] = field(default_factory=list)

    def add(self, receipt: str | None, results: Sequence[dict[str, Any]]) -> None:
        """Count the answer for some rows in."""
        refused = [result for result in results if result["status"] == "rejected"]
        self.queued += len(results) - len(refused)
        self.rejected_count += len(refused)
        self.rejected += [_told(result) for result in refused[: _MOST_TOLD - len(self.rejected)]]
        self.receipts += [receipt] if receipt else []


@dataclass(frozen=True, slots=True)
class UploadHandlers:
    """Takes files in, one at a time; the next waits at the door. ``limit`` is in bytes."""

    access: Authenticator
    desk: RecordValidator
    door: FeedPublisher
    snapshots: FullListDelivery
    formats: Mapping[str, Format]
    limit: int
    clock: Callable[[], datetime]
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def post_file(self, request: web.Request) -> web.Response:
        """Read a file and let its records in; 202 once the broker holds every accepted one durably."""
        client = await self.access.client_of(request)
        authority = fed_authority(request, client, self.desk)
        fmt = self.formats.get(request.query.get("format", FEED_RECORD))
        if fmt is None:
            raise ProblemError("format_unknown", f"there are {', '.join(self.formats)}")
        mode = request.query.get("mode", fmt.mode)
        if mode not in _MODES:
            raise ProblemError("request_invalid", "mode is incremental or snapshot", path="mode")
        colour = _colour(request, fmt) if mode == "snapshot" else None
        document_no = _document_no(request) if mode == "snapshot" else ""
        now = self.clock()
        async with self.turn, uploaded_file(request, self.limit) as uploaded:
            reading = UploadRows(
                uploaded, fmt, authority, self.desk, today=civil_day(now), now=to_milliseconds(now), colour=colour
            )
            answer = UploadResponse()
            more: dict[str, Any] = {}
            try:
                if colour is None:
                    await self._take(client.id, reading, answer)
                else:
                    more = await self.snapshots.take(client.id, reading, colour, document_no, answer.add)
                    answer.rows = more.pop("rows")
            except FileUnreadableError as error:
                line = {} if error.line is None else {"line": error.line}
                raise ProblemError(
                    "file_unreadable",
                    error.text.en,
                    error.text.zh,
                    file_fault=error.code,
                    receipts=answer.receipts,
                    **line,
                ) from None
        document = _document(answer, reading, mode, now) | more
        if not answer.receipts and mode == "incremental":
            raise ProblemError("records_refused" if answer.rows else "body_empty", rejected=answer.rejected)
        return json_response(document, status=202)

    async def _take(self, client: str, reading: UploadRows, answer: UploadResponse) -> None:
        async with aclosing(reading.chunks()) as chunks:
            async for chunk in chunks:
                answer.rows += len(chunk)
                answer.add(*await self.door.let_in(client, reading.authority, chunk))


def _document(answer: UploadResponse, reading: UploadRows, mode: str, now: datetime) -> dict[str, Any]:
    return {
        "authority": reading.authority,
        "format": reading.format.name,
        "mode": mode,
        "created_at": rfc3339(now),
        "counts": {"rows": answer.rows, "queued": answer.queued, "rejected": answer.rejected_count},
        "receipts": answer.receipts,
        "rejected": answer.rejected,
        "dropped": list(reading.dropped),
        "notes": reading.notes,
    }


def _told(result: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in result.items() if name not in ("index", "status")}


def _colour(request: web.Request, fmt: Format) -> ListColour:
    """Which list a snapshot is of: the format says, or the request must."""
    constant = fmt.record.list.constant if fmt.record is not None else None
    try:
        return ListColour(str(constant or request.query.get("list", "")))
    except ValueError:
        raise ProblemError("request_invalid", "list is black or red", "list 须为 black 或 red", path="list") from None


def _document_no(request: web.Request) -> str:
    """The document that covers what a snapshot takes off (办法一 Art. 20)."""
    found = request.query.get("document_no", "").strip()
    if not 1 <= len(found) <= 128 or not found.isprintable():
        raise ProblemError(
            "request_invalid",
            "a snapshot takes listings off, and needs the document that permits it",
            "全量名单会移出记录，须注明依据文号（办法一第二十条）",
            path="document_no",
        )
    return found
