"""POST /v1/feeds/{authority}/files: a file in a department's own columns, with its changes or its full list."""

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from aiohttp import web

from gateway.feeds.format_store import FormatStore
from gateway.feeds.full_list import FullListDelivery
from gateway.feeds.handlers import fed_authority
from gateway.feeds.publish import FeedPublisher, PublishedDelivery
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

_MAX_REPORTED_REJECTIONS = 1000
_MODES = ("incremental", "snapshot")


@dataclass(frozen=True, slots=True)
class UploadParameters:
    """What the query says of a file. ``colour`` and ``document_no`` are set for a full list only."""

    format: Format
    mode: str
    colour: ListColour | None
    document_no: str


@dataclass(slots=True)
class UploadResult:
    """What became of a file. All rejected rows are counted, the first 1,000 are reported."""

    rows: int = 0
    queued: int = 0
    rejected_count: int = 0
    receipts: list[str] = field(default_factory=list)
    rejected: list[dict[str, Any]] = field(default_factory=list)
    full_list: dict[str, Any] = field(default_factory=dict)
    """The members of the response that only a full list has."""

    def add(self, published: PublishedDelivery) -> None:
        """Count the results of a batch."""
        rejected = [result for result in published.results if result["status"] == "rejected"]
        self.queued += len(published.results) - len(rejected)
        self.rejected_count += len(rejected)
        self.rejected += [_reported(result) for result in rejected[: _MAX_REPORTED_REJECTIONS - len(self.rejected)]]
        self.receipts += [published.receipt] if published.receipt else []


@dataclass(frozen=True, slots=True)
class UploadHandler:
    """Receives files, one at a time in this process; further ones wait. ``limit`` is in bytes."""

    authenticator: Authenticator
    validator: RecordValidator
    feed_publisher: FeedPublisher
    full_lists: FullListDelivery
    formats: FormatStore
    limit: int
    clock: Callable[[], datetime]
    one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def post_file(self, request: web.Request) -> web.Response:
        """Read a file and publish its records; 202 once the broker holds every accepted one durably."""
        client = await self.authenticator.client_of(request)
        authority = fed_authority(request, client, self.validator)
        parameters = self._parameters(request)
        now = self.clock()
        async with self.one_at_a_time, uploaded_file(request, self.limit) as uploaded:
            upload = UploadRows(
                uploaded,
                parameters.format,
                authority,
                self.validator,
                today=civil_day(now),
                now=to_milliseconds(now),
                colour=parameters.colour,
            )
            result = UploadResult()
            try:
                await self._publish(client.id, upload, parameters, result)
            except FileUnreadableError as error:
                raise _file_problem(error, result) from None
        if not result.receipts and parameters.colour is None:
            raise ProblemError("records_refused" if result.rows else "body_empty", rejected=result.rejected)
        return json_response(_document(result, upload, parameters.mode, now), status=202)

    def _parameters(self, request: web.Request) -> UploadParameters:
        formats = self.formats.current
        fmt = formats.get(request.query.get("format", FEED_RECORD))
        if fmt is None:
            raise ProblemError("format_unknown", f"there are {', '.join(formats)}")
        mode = request.query.get("mode", fmt.mode)
        if mode not in _MODES:
            raise ProblemError("request_invalid", "mode is incremental or snapshot", path="mode")
        if mode == "incremental":
            return UploadParameters(fmt, mode, None, "")
        return UploadParameters(fmt, mode, _colour(request, fmt), _document_no(request))

    async def _publish(
        self, client: str, upload: UploadRows, parameters: UploadParameters, result: UploadResult
    ) -> None:
        if parameters.colour is not None:
            full_list = await self.full_lists.deliver(
                client, upload, parameters.colour, parameters.document_no, result.add
            )
            result.rows, result.full_list = full_list.rows, full_list.document()
            return
        async with aclosing(upload.batches()) as batches:
            async for batch in batches:
                result.rows += len(batch)
                result.add(await self.feed_publisher.publish(client, upload.authority, batch))


def _file_problem(error: FileUnreadableError, result: UploadResult) -> ProblemError:
    """The problem of a file that cannot be read to its end, with the receipts of what was published before."""
    line = {} if error.line is None else {"line": error.line}
    return ProblemError(
        "file_unreadable", error.text.en, error.text.zh, file_fault=error.code, receipts=result.receipts, **line
    )


def _document(result: UploadResult, upload: UploadRows, mode: str, now: datetime) -> dict[str, Any]:
    return {
        "authority": upload.authority,
        "format": upload.format.name,
        "mode": mode,
        "created_at": rfc3339(now),
        "counts": {"rows": result.rows, "queued": result.queued, "rejected": result.rejected_count},
        "receipts": result.receipts,
        "rejected": result.rejected,
        "dropped": list(upload.dropped),
        "notes": upload.notes,
    } | result.full_list


def _reported(result: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in result.items() if name not in ("index", "status")}


def _colour(request: web.Request, fmt: Format) -> ListColour:
    """The list that a snapshot is of: the format says it, or the request must."""
    constant = fmt.record.list.constant if fmt.record is not None else None
    try:
        return ListColour(str(constant or request.query.get("list", "")))
    except ValueError:
        raise ProblemError("request_invalid", "list is black or red", "list 须为 black 或 red", path="list") from None


def _document_no(request: web.Request) -> str:
    """The number of the document that covers the removals of a snapshot (办法一 Art. 20)."""
    found = request.query.get("document_no", "").strip()
    if not 1 <= len(found) <= 128 or not found.isprintable():
        raise ProblemError(
            "request_invalid",
            "a snapshot takes listings off, and needs the document that permits it",
            "全量名单会移出记录，须注明依据文号（办法一第二十条）",
            path="document_no",
        )
    return found
