"""Validates feed records: may this authority send this, is the record complete, and is its content possible?

The gateway validates on receipt, so that a department learns immediately what is wrong; the stream validates again,
since records also arrive directly on the topic. Both call ``RecordValidator.validate``.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from rules.admission.feed_event import FeedEvent, order_of
from rules.admission.prohibited import refuse_prohibited
from rules.faults import InvalidRecordError
from rules.identity.faults import InvalidIdentifierError
from rules.identity.forms import Identifier
from rules.identity.subject import SubjectKeys
from rules.listings.indexer import ListingIndexer
from rules.listings.responsible import is_minor, person_number, responsible_persons, subject_number
from rules.listings.validity import validity_of
from rules.records.departments import Department, Departments
from rules.records.feed_record import CorrectRecord, FeedRecord, ListRecord, RepairRecord, feed_record_from
from rules.records.known_fields import drop_unknown_fields
from rules.vocabulary import ListColour

_EARLIEST_DAY = date(1949, 10, 1)
"""No authority can have acted before; an earlier day is a typing error or the zero of another calendar."""
_CONTROL_CHARACTER = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class RecordValidator:
    """Validates feed records for one deployment: its authorities and its keys."""

    departments: Departments
    keys: SubjectKeys

    @property
    def listing_indexer(self) -> ListingIndexer:
        """The indexer for validated listings, with the same authorities and keys."""
        return ListingIndexer(self.departments, self.keys)

    def validate(
        self,
        value: Any,  # noqa: ANN401
        *,
        today: date,
        default_version: int,
        position: int = 0,
        sender: str | None = None,
    ) -> FeedEvent:
        """The event of a decoded JSON record. Raises ``InvalidRecordError``.

        ``sender`` is the authority that the transport has authenticated, if any. ``default_version``
        (milliseconds of arrival) and ``position`` among the records that arrived together order the records of
        authorities that send no versions.
        """
        refuse_prohibited(value)
        value, dropped = drop_unknown_fields(value)
        record = _record_from(value, sender)
        department = self.departments.find(record.authority)
        if department is None:
            raise InvalidRecordError("authority_unknown", path="$.authority")
        if _CONTROL_CHARACTER.search(record.record_no):
            # PostgreSQL refuses a text with a NUL, and the record number is a column of the ledger.
            raise InvalidRecordError("field_invalid", path="$.record_no", detail="Control character")
        _check_days(record, today)
        warnings: tuple[str, ...] = ()
        if isinstance(record, ListRecord):
            _check_category(record, department)
            warnings = tuple(_check_content(record))
        return replace(self.event_of(record, default_version, position), warnings=warnings, dropped=dropped)

    def event_of(self, record: FeedRecord, default_version: int, position: int = 0) -> FeedEvent:
        """The event of a record that was validated before; always the same for the same arguments."""
        key = self.keys.listing(record.authority, record.record_no)
        return FeedEvent(record, key, order_of(record, default_version, position))


def _record_from(value: Any, sender: str | None) -> FeedRecord:  # noqa: ANN401
    """The typed record; a missing authority is taken from the authenticated sender, another one is refused."""
    if sender is not None and isinstance(value, dict):
        value = {"authority": sender} | value
    record = feed_record_from(value)
    if sender is not None and record.authority != sender:
        raise InvalidRecordError("authority_mismatch", path="$.authority")
    return record


def _check_days(record: FeedRecord, today: date) -> None:
    for name in record.__struct_fields__:
        day = getattr(record, name)
        if isinstance(day, date) and day < _EARLIEST_DAY:
            raise InvalidRecordError("field_invalid", path=f"$.{name}", detail=f"A day before {_EARLIEST_DAY}")
    if record.determined_on > today:
        raise InvalidRecordError("determined_in_future", path="$.determined_on")
    if isinstance(record, CorrectRecord) and record.corrected_on > today:
        raise InvalidRecordError("determined_in_future", path="$.corrected_on")
    if isinstance(record, RepairRecord) and record.publicity_from > today:
        raise InvalidRecordError("determined_in_future", path="$.publicity_from")


def _check_category(record: ListRecord, department: Department) -> None:
    """谁主管、谁认定、谁负责 (办法一 Art. 3); the categories of each list are those of Art. 5 and 6."""
    expected = "R" if record.list is ListColour.RED else "C"
    if not record.category.startswith(expected):
        raise InvalidRecordError("category_list_mismatch", path="$.category")
    if record.category not in department.categories:
        raise InvalidRecordError("category_not_permitted", path="$.category")


def _check_content(record: ListRecord) -> Iterator[str]:
    """Checks subject and validity; yields the codes of what is doubtful but no reason to refuse.

    办法二 Art. 2 (full legal capacity), Art. 15 (numbers as the basis) and Art. 27 (validity).
    """
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
