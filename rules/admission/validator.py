"""From what was sent to a claim: may this authority say this, is it whole, and where does it stand in order.

The gateway asks at the door, so that a department learns at once what is wrong; the stream asks again,
since records also arrive straight on the topic. Both call ``admit``.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from hashlib import sha256
from typing import Any

import msgspec

from rules.admission.prohibited import refuse_prohibited
from rules.faults import InvalidRecordError
from rules.identity.identifiers import Identifier, InvalidIdentifierError
from rules.identity.subject import SubjectKeys
from rules.listings.filing import ListingIndexer, is_minor, person_number, responsible_persons, subject_number
from rules.listings.validity import validity_of
from rules.records.departments import Department, Departments
from rules.records.feed_record import (
    CorrectRecord,
    FeedRecord,
    ListRecord,
    RepairRecord,
    feed_record_from,
    feed_record_json,
)
from rules.records.known_fields import without_unknown
from rules.vocabulary import ListColour

_EARLIEST = date(1949, 10, 1)
"""No authority of today has done anything before; an older day is a slip, or the zero of some other calendar."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_EPOCH_MILLISECONDS = 1_000_000_000_000
"""From here a version can only be a time in milliseconds (2001)."""
_OPERATIONS = tuple(str(kind.__struct_config__.tag) for kind in FeedRecord.__args__)
"""In the order in which events of one version and day follow each other."""
OBJECTIONS = ("object", "object_resolve")
"""Operations that stand beside the content of a listing, not over it."""


@dataclass(frozen=True, slots=True)
class Claim:
    """One admitted event about one listing, ready for the ledger."""

    record: FeedRecord
    key: str
    """The listing's key: nobody but its authority can say anything under it."""
    order: str
    """Sorts the events of one listing; a total order, so that any interleaving ends in the same life."""
    warnings: tuple[str, ...] = ()
    """Codes of what the receipt must tell although the record was taken."""
    dropped: tuple[str, ...] = ()
    """Paths of fields that feed record v1 does not know; they are kept nowhere."""

    @property
    def operation(self) -> str:
        """The event's operation, as it is written."""
        return operation_of(self.record)

    @property
    def digest(self) -> str:
        """Digest of the whole record."""
        return self.order[-16:]


@dataclass(frozen=True, slots=True)
class RecordValidator:
    """Judges records for one deployment."""

    departments: Departments
    keys: SubjectKeys

    @property
    def listing_indexer(self) -> ListingIndexer:
        """Files what was admitted, under the same keys."""
        return ListingIndexer(self.departments, self.keys)

    def admit(
        self,
        value: Any,  # noqa: ANN401
        *,
        today: date,
        default_version: int,
        place: int = 0,
        sender: str | None = None,
    ) -> Claim:
        """The claim that a decoded record makes.

        ``sender`` is the authority that the transport has authenticated, if any. ``default_version``
        (milliseconds of arrival), then ``place`` among those that came together, order records of authorities
        that keep no versions. Raises ``InvalidRecordError``.
        """
        refuse_prohibited(value)
        value, dropped = without_unknown(value)
        if sender is not None and isinstance(value, dict):
            value = {"authority": sender} | value
        record = feed_record_from(value)
        if sender is not None and record.authority != sender:
            raise InvalidRecordError("authority_mismatch", path="$.authority")
        department = self.departments.find(record.authority)
        if department is None:
            raise InvalidRecordError("authority_unknown", path="$.authority")
        if _CONTROL.search(record.record_no):
            # It is a column of the ledger, and PostgreSQL refuses a text with a NUL.
            raise InvalidRecordError("field_invalid", path="$.record_no", detail="Control character")
        _check_days(record, today)
        warnings: tuple[str, ...] = ()
        if isinstance(record, ListRecord):
            _check_category(record, department)
            warnings = tuple(_check_content(record))
        return replace(self.claim(record, default_version, place), warnings=warnings, dropped=dropped)

    def claim(self, record: FeedRecord, default_version: int, place: int = 0) -> Claim:
        """The claim of a record that was admitted, now or when the ledger took it in; always the same."""
        key = self.keys.listing(record.authority, record.record_no)
        return Claim(record, key, order_of(record, default_version, place))


_PLACES = 100_000


def operation_of(record: FeedRecord) -> str:
    """The operation's name as it is written in a record."""
    return str(type(record).__struct_config__.tag)


def order_of(record: FeedRecord, default_version: int, place: int = 0) -> str:
    """Where an event stands among those of its listing.

    The authority's version first. Events without one come before those with one, and among themselves by
    the day of the act, so that a removal holds against a listing determined before it, in whatever order
    they arrive; then by operation, arrival, place among those that came together, and content.
    """
    versioned = record.version is not None
    day = record.corrected_on if isinstance(record, CorrectRecord) else record.determined_on
    rank = _OPERATIONS.index(operation_of(record))
    digest = sha256(feed_record_json(record)).hexdigest()[:16]
    arrival, place = (0, 0) if versioned else (default_version, place % _PLACES)
    return f"{record.version or 0:016d}.{day:%Y%m%d}.{rank}.{arrival:013d}.{place:05d}.{digest}"


def content_digest(record: FeedRecord) -> str:
    """Digest of what a record says, its version aside: two that agree say the same."""
    return sha256(feed_record_json(msgspec.structs.replace(record, version=None))).hexdigest()[:32]


def version_as_time(record: FeedRecord) -> int | None:
    """The version as milliseconds since 1970, where it can only be that."""
    version = record.version
    return version if version is not None and version >= _EPOCH_MILLISECONDS else None


def _check_days(record: FeedRecord, today: date) -> None:
    for name in record.__struct_fields__:
        day = getattr(record, name)
        if isinstance(day, date) and day < _EARLIEST:
            raise InvalidRecordError("field_invalid", path=f"$.{name}", detail=f"A day before {_EARLIEST}")
    if record.determined_on > today:
        raise InvalidRecordError("determined_in_future", path="$.determined_on")
    if isinstance(record, CorrectRecord) and record.corrected_on > today:
        raise InvalidRecordError("determined_in_future", path="$.corrected_on")
    if isinstance(record, RepairRecord) and record.publicity_from > today:
        raise InvalidRecordError("determined_in_future", path="$.publicity_from")


def _check_category(record: ListRecord, department: Department) -> None:
    expected = "R" if record.list is ListColour.RED else "C"
    if not record.category.startswith(expected):
        raise InvalidRecordError("category_list_mismatch", path="$.category")
    if record.category not in department.categories:
        raise InvalidRecordError("category_not_permitted", path="$.category")


def _check_content(record: ListRecord) -> Iterator[str]:
    """Check subject and end; yields the codes of what is doubtful but no reason to refuse."""
    try:
        number = subject_number(record)
    except InvalidIdentifierError as fault:
        raise InvalidRecordError(fault.code, path="$.subject.id", text=fault.text) from None
    if isinstance(number, Identifier):
        if number.kind.value != type(record.subject).__struct_config__.tag:
            raise InvalidRecordError("subject_kind_mismatch", path="$.subject.kind")
        if is_minor(number, record.determined_on):
            raise InvalidRecordError("subject_minor", path="$.subject.id")
        yield from number.warnings
    else:
        yield "identifier_masked"
    yield from validity_of(record).flags
    for person in responsible_persons(record):
        found = person_number(person, record.determined_on)
        if not isinstance(found, Identifier):
            yield "responsible_person_not_identified"
