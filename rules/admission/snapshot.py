"""A full list (全量) as against what stands: which of its rows say something new, and what it leaves out.

What left the list with a snapshot comes back with a later one. What was removed, repaired or annulled by a
word of its own does not: a full list that still names it is late, not a new determination.
"""

from datetime import date
from typing import NamedTuple

import msgspec

from rules.admission.validator import content_digest
from rules.faults import InvalidRecordError
from rules.records.feed_record import FeedRecord, ListRecord, RemoveRecord
from rules.vocabulary import ListColour

LEFT_OUT = "未列于最新全量名单 / not in the latest full list"
"""The reason of a removal that follows from a snapshot."""


class Standing(NamedTuple):
    """What the ledger knows of one listing: the digest of its content, its highest version, its last word."""

    content: str | None
    version: int | None
    left_out: bool
    """The last word about it was a snapshot that left it out."""


def refuse_foreign(record: FeedRecord, colour: ListColour) -> None:
    """Raise ``InvalidRecordError`` for what has no place in a full list of that colour."""
    if type(record) is not ListRecord or record.list is not colour:
        raise InvalidRecordError("not_of_snapshot", path="$.operation" if type(record) is not ListRecord else "$.list")


def news_of(record: ListRecord, standing: Standing | None) -> ListRecord | None:
    """What a row of the snapshot says anew; None when all of it is known."""
    if standing is None:
        return record
    if standing.left_out:
        # Above the removal, which stands at the version of what it removed.
        return msgspec.structs.replace(record, version=max(record.version or 0, (standing.version or 0) + 1))
    return None if standing.content == content_digest(record) else record


def removal_of(
    record_no: str, authority: str, standing: Standing | None, *, document_no: str, today: date
) -> RemoveRecord:
    """The removal of a listing that the snapshot leaves out, by the document that covers it (办法一 Art. 20)."""
    version = standing.version if standing else None
    return RemoveRecord(
        record_no=record_no,
        authority=authority,
        determined_on=today,
        version=version,
        reason=LEFT_OUT,
        document_no=document_no,
    )
