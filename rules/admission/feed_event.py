"""A validated feed record as an event in the history of one listing: its key, its order, its digests."""

from dataclasses import dataclass
from hashlib import sha256

import msgspec

from rules.records.feed_record import CorrectRecord, FeedRecord, feed_record_json

_MIN_EPOCH_MS = 1_000_000_000_000
"""A version from here on can only be a time in milliseconds (2001)."""
_MAX_POSITIONS = 100_000
_OPERATIONS = tuple(str(kind.__struct_config__.tag) for kind in FeedRecord.__args__)
"""In the order in which events of one version and day follow each other."""
OBJECTION_OPERATIONS = ("object", "object_resolve")
"""Operations that do not replace the content of a listing."""


@dataclass(frozen=True, slots=True)
class FeedEvent:
    """One validated event about one listing, ready for the ledger."""

    record: FeedRecord
    key: str
    """The listing's key, made of its authority and record number: no other authority can write under it."""
    order: str
    """Sort key among the events of one listing. The order is total: any arrival order gives the same state."""
    warnings: tuple[str, ...] = ()
    """Codes that the receipt reports although the record was accepted."""
    dropped: tuple[str, ...] = ()
    """Paths of fields that feed record v1 does not define; they are stored nowhere."""

    @property
    def operation(self) -> str:
        """The event's operation, as the record writes it."""
        return operation_of(self.record)

    @property
    def digest(self) -> str:
        """Digest of the whole record."""
        return self.order[-16:]


def operation_of(record: FeedRecord) -> str:
    """The operation's name, as the record writes it."""
    return str(type(record).__struct_config__.tag)


def order_of(record: FeedRecord, default_version: int, position: int = 0) -> str:
    """The sort key of an event among those of its listing.

    The authority's version comes first. Events without a version precede those with one; among themselves they
    are sorted by the day of the act, so that a removal counts against a listing determined before it whatever
    the order of arrival, then by operation, arrival (``default_version``, milliseconds), position among the
    records that arrived together, and content.
    """
    versioned = record.version is not None
    day = record.corrected_on if isinstance(record, CorrectRecord) else record.determined_on
    rank = _OPERATIONS.index(operation_of(record))
    digest = sha256(feed_record_json(record)).hexdigest()[:16]
    arrival, position = (0, 0) if versioned else (default_version, position % _MAX_POSITIONS)
    return f"{record.version or 0:016d}.{day:%Y%m%d}.{rank}.{arrival:013d}.{position:05d}.{digest}"


def content_digest(record: FeedRecord) -> str:
    """Digest of a record without its version: equal for records with the same content."""
    return sha256(feed_record_json(msgspec.structs.replace(record, version=None))).hexdigest()[:32]


def version_as_time(record: FeedRecord) -> int | None:
    """The version as milliseconds since 1970; None when it is a sequence number or absent."""
    version = record.version
    return version if version is not None and version >= _MIN_EPOCH_MS else None
