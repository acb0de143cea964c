"""A full list (全量名单) against the ledger: which rows are new or changed, and which listings it omits.

A listing that a snapshot omitted comes back with a later snapshot that contains it. A listing that was removed,
repaired or annulled by its own record does not: a snapshot that still contains it is out of date, and no new
determination.
"""

from datetime import date
from typing import NamedTuple

import msgspec

from rules.admission.feed_event import content_digest
from rules.faults import InvalidRecordError
from rules.records.feed_record import FeedRecord, ListRecord, RemoveRecord
from rules.vocabulary import ListColour

NOT_IN_SNAPSHOT = "未列于最新全量名单 / not in the latest full list"
"""The stored reason of a removal that follows from a snapshot."""


class RecordedListing(NamedTuple):
    """What the ledger holds of one listing."""

    content: str | None
    """``content_digest`` of its record."""
    version: int | None
    """The highest version received."""
    omitted: bool
    """Whether its last event is a removal because a snapshot omitted it."""


def require_snapshot_record(record: FeedRecord, colour: ListColour) -> None:
    """Raise ``InvalidRecordError`` unless the record may be part of a full list of that colour."""
    if type(record) is not ListRecord or record.list is not colour:
        raise InvalidRecordError("not_of_snapshot", path="$.operation" if type(record) is not ListRecord else "$.list")


def changed_record(record: ListRecord, recorded: RecordedListing | None) -> ListRecord | None:
    """The record to store for a row of the snapshot; None when the ledger holds the same content."""
    if recorded is None:
        return record
    if recorded.omitted:
        # The removal has the version of the listing that it removed, so the record needs a higher one.
        return msgspec.structs.replace(record, version=max(record.version or 0, (recorded.version or 0) + 1))
    return None if recorded.content == content_digest(record) else record


def removal_of(
    record_no: str, authority: str, recorded: RecordedListing | None, *, document_no: str, today: date
) -> RemoveRecord:
    """The removal of a listing that the snapshot omits, by the document that covers it (办法一 Art. 20)."""
    return RemoveRecord(
        record_no=record_no,
        authority=authority,
        determined_on=today,
        version=recorded.version if recorded else None,
        reason=NOT_IN_SNAPSHOT,
        document_no=document_no,
    )
