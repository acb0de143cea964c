"""A full list of an authority: accepted as a whole or not at all, and compared with what is in force.

rows ─▶ all valid? ─no─▶ 422 with the rejected rows
          │yes
          ▼
compare with the ledger ─▶ over the authority's bounds? quarantine its feed
          └▶ publish new and changed rows, then removals of what the list leaves out
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, NamedTuple

import structlog

from gateway.feeds.delivery import ValidatedRecord
from gateway.feeds.publish import FeedPublisher, PublishedDelivery
from gateway.feeds.upload_rows import BATCH_ROWS, UploadRows
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

_MAX_REPORTED_FAULTS = 1000
_log = structlog.get_logger("gateway.snapshots")
OnPublished = Callable[[PublishedDelivery], None]
"""Called for each batch that was published."""


class FullListResult(NamedTuple):
    """What a full list changed. ``hold`` and ``cause`` are set when it put the authority's feed in quarantine."""

    rows: int
    published: int
    removed: int
    hold: str | None
    cause: QuarantineCause | None

    def document(self) -> dict[str, Any]:
        """Its part of the response."""
        return {
            "snapshot": {"news": self.published, "left_out": self.removed, "unchanged": self.rows - self.published},
            "hold": {"id": self.hold, "cause": self.cause} if self.cause else None,
        }


@dataclass(frozen=True, slots=True)
class FullListDelivery:
    """Turns full lists into records of what changed."""

    validator: RecordValidator
    feed_publisher: FeedPublisher
    snapshots: SnapshotStore
    quarantine: Quarantine

    async def deliver(
        self, client: str, upload: UploadRows, colour: ListColour, document_no: str, on_published: OnPublished
    ) -> FullListResult:
        """Publish what a full list changes. Raises ``ProblemError`` when any of its rows is invalid.

        Over the bounds the feed is quarantined before anything is published, so that an officer decides about all of
        it. An empty list publishes nothing: it never means "remove all".
        """
        listed = await _record_numbers(upload)
        in_force = await self.snapshots.in_force(upload.authority, colour)
        absent = sorted(in_force - listed)
        department = self.validator.departments.find(upload.authority)
        assert department is not None
        cause = exceeded_snapshot_bound(len(in_force), len(absent), len(listed), department.bounds)
        hold = await self.quarantine.open(upload.authority, cause, upload.now) if cause else None
        if cause:
            SNAPSHOTS_HELD.labels(upload.authority, cause.value).inc()
            _log.error("feed_held", authority=upload.authority, cause=cause.value)
        published = await self._publish_changes(client, upload, on_published)
        removed = 0
        if cause is not QuarantineCause.SNAPSHOT_EMPTY:
            removed = await self._publish_removals(client, upload, absent, document_no, on_published)
        return FullListResult(len(listed), published, removed, hold, cause)

    async def _publish_changes(self, client: str, upload: UploadRows, on_published: OnPublished) -> int:
        """Publish the rows that say something new; how many they are."""
        published = 0
        async with aclosing(upload.batches()) as batches:
            async for batch in batches:
                changes = await self._changes_of(batch)
                if changes:
                    on_published(await self.feed_publisher.publish(client, upload.authority, changes))
                published += len(changes)
        return published

    async def _changes_of(self, batch: Sequence[ValidatedRecord]) -> list[ValidatedRecord]:
        known = await self.snapshots.recorded([row.verdict.key for row in batch if isinstance(row.verdict, FeedEvent)])
        changes: list[ValidatedRecord] = []
        for row in batch:
            assert isinstance(row.verdict, FeedEvent)
            assert isinstance(row.verdict.record, ListRecord)
            record = changed_record(row.verdict.record, known.get(row.verdict.key))
            if record is not None:
                changes.append(replace(row, index=len(changes), verdict=replace(row.verdict, record=record)))
        return changes

    async def _publish_removals(
        self, client: str, upload: UploadRows, absent: Sequence[str], document_no: str, on_published: OnPublished
    ) -> int:
        """Publish the removal of the record numbers that the list leaves out; how many they are."""
        for numbers in _batches(absent):
            keys = {number: self.validator.keys.listing(upload.authority, number) for number in numbers}
            known = await self.snapshots.recorded(keys.values())
            removals = []
            for index, number in enumerate(numbers):
                record = removal_of(
                    number,
                    upload.authority,
                    known.get(keys[number]),
                    document_no=document_no,
                    today=upload.today,
                )
                removals.append(ValidatedRecord(index, None, number, self.validator.event_of(record, upload.now)))
            on_published(await self.feed_publisher.publish(client, upload.authority, removals))
        return len(absent)


async def _record_numbers(upload: UploadRows) -> set[str]:
    """The record numbers of a file whose rows are all valid. Raises ``ProblemError`` with the rows that are not."""
    numbers: set[str] = set()
    faults: list[dict[str, Any]] = []
    failed = 0
    async with aclosing(upload.batches()) as batches:
        async for batch in batches:
            numbers.update(row.verdict.record.record_no for row in batch if isinstance(row.verdict, FeedEvent))
            invalid = [(row.line, row.verdict) for row in batch if isinstance(row.verdict, InvalidRecordError)]
            failed += len(invalid)
            reported = invalid[: _MAX_REPORTED_FAULTS - len(faults)]
            faults += [fault.as_dict() | {"line": line} for line, fault in reported]
    if failed:
        raise ProblemError("snapshot_refused", f"{failed} rows fail", f"{failed} 行未通过", rejected=faults)
    upload.notes.clear()  # the second reading counts them again
    return numbers


def _batches(numbers: Sequence[str]) -> Iterator[list[str]]:
    rest = iter(numbers)
    while batch := list(islice(rest, BATCH_ROWS)):
        yield batch
