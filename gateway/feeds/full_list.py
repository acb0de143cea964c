"""A full list: taken whole or not at all, compared with what stands, and held when it cannot be true."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import structlog

from gateway.feeds.delivery import Judged
from gateway.feeds.publish import FeedPublisher
from gateway.feeds.upload_rows import CHUNK, UploadRows
from gateway.metrics import SNAPSHOTS_HELD
from gateway.web.problems import ProblemError
from rules.admission.feed_event import FeedEvent
from rules.admission.snapshot import changed_record, removal_of
from rules.admission.validator import RecordValidator
from rules.faults import InvalidRecordError
from rules.records.feed_bounds import QuarantineCause, exceeded_snapshot_bound
from rules.records.feed_record import ListRecord
from rules.vocabulary import ListColour
from store.feeds.quarantine import Quarantine
from store.ledger.snapshots import SnapshotStore

_MOST_TOLD = 1000
_log = structlog.get_logger("gateway.snapshots")
Told = Callable[[str | None, Sequence[dict[str, Any]]], None]


@dataclass(frozen=True, slots=True)
class FullListDelivery:
    """Turns full lists into events."""

    desk: RecordValidator
    door: FeedPublisher
    book: SnapshotStore
    quarantine: Quarantine

    async def take(
        self, client: str, reading: UploadRows, colour: ListColour, document_no: str, told: Told
    ) -> dict[str, Any]:
        """Send what a full list changes. Raises ``ProblemError`` when any of its rows fails.

        Over the bounds the feed is held first, so that all of it waits for a person. An empty list sends
        nothing at all: it is never "remove all".
        """
        listed = await _listed(reading)
        standing = await self.book.in_force(reading.authority, colour)
        absent = sorted(standing - listed)
        department = self.desk.departments.find(reading.authority)
        assert department is not None
        cause = exceeded_snapshot_bound(len(standing), len(absent), len(listed), department.bounds)
        hold = await self.quarantine.open(reading.authority, cause, reading.now) if cause else None
        if cause:
            SNAPSHOTS_HELD.labels(reading.authority, cause.value).inc()
            _log.error("feed_held", authority=reading.authority, cause=cause.value)
        sent = await self._send_news(client, reading, told)
        removed = 0
        if cause is not QuarantineCause.SNAPSHOT_EMPTY:
            removed = await self._send_removals(client, reading, absent, document_no, told)
        return {
            "rows": len(listed),
            "snapshot": {"news": sent, "left_out": removed, "unchanged": len(listed) - sent},
            "hold": {"id": hold, "cause": cause} if cause else None,
        }

    async def _send_news(self, client: str, reading: UploadRows, told: Told) -> int:
        sent = 0
        async with aclosing(reading.chunks()) as chunks:
            async for chunk in chunks:
                keys = [item.judged.key for item in chunk if isinstance(item.judged, FeedEvent)]
                known = await self.book.recorded(keys)
                news: list[Judged] = []
                for item in chunk:
                    assert isinstance(item.judged, FeedEvent)
                    assert isinstance(item.judged.record, ListRecord)
                    record = changed_record(item.judged.record, known.get(item.judged.key))
                    if record is not None:
                        claim = replace(item.judged, record=record)
                        news.append(replace(item, index=len(news), judged=claim))
                if news:
                    told(*await self.door.let_in(client, reading.authority, news))
                sent += len(news)
        return sent

    async def _send_removals(
        self, client: str, reading: UploadRows, absent: Sequence[str], document_no: str, told: Told
    ) -> int:
        for numbers in _chunks(absent):
            keys = {number: self.desk.keys.listing(reading.authority, number) for number in numbers}
            known = await self.book.recorded(keys.values())
            judged = []
            for index, number in enumerate(numbers):
                record = removal_of(
                    number,
                    reading.authority,
                    known.get(keys[number]),
                    document_no=document_no,
                    today=reading.today,
                )
                judged.append(Judged(index, None, number, self.desk.event_of(record, reading.now)))
            told(*await self.door.let_in(client, reading.authority, judged))
        return len(absent)


async def _listed(reading: UploadRows) -> set[str]:
    """The record numbers of a file whose every row is good. Raises ``ProblemError`` with those that are not."""
    listed: set[str] = set()
    faults: list[dict[str, Any]] = []
    failed = 0
    async with aclosing(reading.chunks()) as chunks:
        async for chunk in chunks:
            for item in chunk:
                if isinstance(item.judged, InvalidRecordError):
                    failed += 1
                    faults += [item.judged.as_dict() | {"line": item.line}] if len(faults) < _MOST_TOLD else []
                else:
                    listed.add(item.judged.record.record_no)
    if failed:
        raise ProblemError("snapshot_refused", f"{failed} rows fail", f"{failed} 行未通过", rejected=faults)
    reading.notes.clear()
    return listed


def _chunks(numbers: Sequence[str]) -> Iterator[list[str]]:
    rest = iter(numbers)
    while chunk := list(islice(rest, CHUNK)):
        yield chunk
