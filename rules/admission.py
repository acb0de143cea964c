"""From a feed record to a claim: may this authority say this, is it whole, under which keys is it filed.

The gateway asks at the door, so that a department learns at once what is wrong; the stream asks again,
since records also arrive straight on the topic. Both call ``admit``.
"""

from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from typing import Any

from rules.calendar import years_after
from rules.departments import Department, Departments
from rules.faults import InvalidRecord
from rules.feed_record import FeedRecord, ListRecord, RemoveRecord, feed_record_from, feed_record_json
from rules.identifiers import Identifier, IdType, InvalidIdentifier, MaskedNumber, parse_identifier
from rules.listing import Listing
from rules.names import normalise_name
from rules.subject import SubjectKeys
from rules.validity import last_valid_day
from rules.vocabulary import DataClass, ListColour

_WIDEST_FIRST = tuple(DataClass)
_ADULT_AGE = 18


@dataclass(frozen=True, slots=True)
class Claim:
    """One admitted event about one listing, ready for ledger and register."""

    record: FeedRecord
    key: str
    order: str
    """Sorts the events of one listing: version, then removals after listings, then the content.

    A total order, so that any interleaving of the same events ends in the same register.
    """
    listing: Listing | None
    """What the register shall hold; None when the listing is taken off."""
    filed_under: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AdmissionDesk:
    """Judges records for one deployment."""

    departments: Departments
    keys: SubjectKeys

    def admit(self, value: Any, *, today: date, default_version: int, sender: str | None = None) -> Claim:  # noqa: ANN401
        """The claim that a decoded record makes.

        ``sender`` is the authority that the transport has authenticated, if any. ``default_version``
        (milliseconds of arrival) orders records of authorities that keep no versions. Raises ``InvalidRecord``.
        """
        if sender is not None and isinstance(value, dict):
            value = {"authority": sender} | value
        record = feed_record_from(value)
        if sender is not None and record.authority != sender:
            raise InvalidRecord("authority_mismatch", path="$.authority")
        department = self.departments.find(record.authority)
        if department is None:
            raise InvalidRecord("authority_unknown", path="$.authority")
        if record.determined_on > today:
            raise InvalidRecord("determined_in_future", path="$.determined_on")
        if isinstance(record, ListRecord):
            _check_category(record, department)
        return self.claim(record, default_version)

    def claim(self, record: FeedRecord, default_version: int) -> Claim:
        """The claim of a record whose sender was found entitled, now or when the ledger took it in.

        The same record always makes the same claim. Raises ``InvalidRecord``.
        """
        key = self.keys.listing(record.authority, record.record_no)
        order = _order(record, default_version)
        if isinstance(record, RemoveRecord):
            return Claim(record, key, order, None)
        number = _subject_number(record)
        department = self.departments.find(record.authority)
        last_day = last_valid_day(record.list, record.severity, record.determined_on, record.valid_until)
        listing = Listing(
            key=key,
            authority=record.authority,
            list=record.list,
            category=record.category,
            severity=record.severity,
            determination=record.determination,
            data_class=narrower(record.data_class, department.data_class if department else None),
            document_no=record.document_no,
            basis=record.basis,
            determined_on=record.determined_on,
            valid_until=last_day,
            checked=isinstance(number, Identifier) and number.checked,
            filed_by_number=isinstance(number, Identifier),
            pattern=number.pattern if isinstance(number, MaskedNumber) else number.masked(),
        )
        return Claim(record, key, order, listing, self._filed_under(record, number))

    def _filed_under(self, record: ListRecord, number: Identifier | MaskedNumber) -> tuple[str, ...]:
        name_key = self.keys.name(normalise_name(record.subject.name))
        if isinstance(number, MaskedNumber):
            return (name_key,)
        return (self.keys.subject(number.canonical), name_key)


def narrower(claimed: DataClass, widest: DataClass | None) -> DataClass:
    """The more closed of two data classes."""
    return claimed if widest is None else max(claimed, widest, key=_WIDEST_FIRST.index)


def _order(record: FeedRecord, default_version: int) -> str:
    version = default_version if record.version is None else record.version
    rank = 1 if isinstance(record, RemoveRecord) else 0
    return f"{version:016d}.{rank}.{sha256(feed_record_json(record)).hexdigest()[:16]}"


def _check_category(record: ListRecord, department: Department) -> None:
    expected = "R" if record.list is ListColour.RED else "C"
    if not record.category.startswith(expected):
        raise InvalidRecord("category_list_mismatch", path="$.category")
    if record.category not in department.categories:
        raise InvalidRecord("category_not_permitted", path="$.category")


def _subject_number(record: ListRecord) -> Identifier | MaskedNumber:
    subject = record.subject
    try:
        number = parse_identifier(subject.id, subject.id_type, today=record.determined_on)
    except InvalidIdentifier as fault:
        raise InvalidRecord(fault.code, path="$.subject.id", text=fault.text) from None
    if isinstance(number, MaskedNumber):
        return number
    if number.kind.value != type(subject).__struct_config__.tag:
        raise InvalidRecord("subject_kind_mismatch", path="$.subject.kind")
    birth = birth_date(number)
    if birth is not None and record.determined_on < years_after(birth, _ADULT_AGE):
        raise InvalidRecord("subject_minor", path="$.subject.id")
    return number


def birth_date(number: Identifier) -> date | None:
    """The day of birth that a resident identity number states (GB 11643), if it is one."""
    if number.type not in (IdType.RESIDENT_ID, IdType.RESIDENCE_PERMIT):
        return None
    digits = number.value[6:14]
    return date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
