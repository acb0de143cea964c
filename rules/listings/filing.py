"""From a listing's life to what the register files: the listing, and what its severe ones put on people.

办法二 Art. 26: a severe listing of an organisation is recorded against its legal representative, its
principal and those directly responsible, as the authority names them. Who took office later is not named,
and who left stays named. Only a number with a check digit that holds can lead to more than a review.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

import msgspec

from rules.calendar import years_after
from rules.identity.identifiers import (
    Identifier,
    IdType,
    InvalidIdentifierError,
    MaskedNumber,
    SubjectKind,
    parse_identifier,
)
from rules.identity.names import normalise_name
from rules.identity.subject import SubjectKeys
from rules.listings.life import Life
from rules.listings.listing import Listing
from rules.records.departments import Departments
from rules.records.feed_record import ListRecord, Organisation, ResponsiblePerson
from rules.vocabulary import DataClass, Determination, ListColour, ResponsibleRole, Severity

ADULT_AGE = 18
_WIDEST_FIRST = tuple(DataClass)


@dataclass(frozen=True, slots=True)
class Filed:
    """A listing and the keys it is filed under: its subject's, and its name's."""

    listing: Listing
    subject_key: str | None
    """None when no whole number says who it is."""
    name_key: str
    decisive: bool = False
    """Whether it takes its subject off the red lists (办法一 Art. 4)."""

    @property
    def places(self) -> tuple[str, ...]:
        """The keys of the register under which it is found."""
        return (self.name_key,) if self.subject_key is None else (self.subject_key, self.name_key)


@dataclass(frozen=True, slots=True)
class ListingIndexer:
    """Files listings for one deployment."""

    departments: Departments
    keys: SubjectKeys

    def file(self, key: str, life: Life) -> list[Filed]:
        """What the register holds for this life: nothing, the listing, or the listing and what follows from it."""
        record = life.record
        if record is None or not life.applicable:
            return []
        number = subject_number(record)
        listing = self._listing(key, life, record, number)
        name_key = self.keys.name(normalise_name(record.subject.name))
        own = Filed(listing, self._subject_key(number), name_key, _decisive(listing))
        return [own, *self._responsible(own, record)]

    def _listing(self, key: str, life: Life, record: ListRecord, number: Identifier | MaskedNumber) -> Listing:
        department = self.departments.find(record.authority)
        return Listing(
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
            valid_until=life.last_day,
            checked=isinstance(number, Identifier) and number.checked,
            filed_by_number=isinstance(number, Identifier),
            pattern=number.pattern if isinstance(number, MaskedNumber) else number.masked(),
            objection_open=bool(life.objections),
            flags=life.validity.flags if life.validity else (),
        )

    def _subject_key(self, number: Identifier | MaskedNumber | None) -> str | None:
        return self.keys.subject(number.canonical) if isinstance(number, Identifier) else None

    def _responsible(self, origin: Filed, record: ListRecord) -> Iterator[Filed]:
        listing = origin.listing
        severe = listing.list is ListColour.BLACK and listing.severity is Severity.SEVERE
        if not severe or not isinstance(record.subject, Organisation):
            return
        seen: set[str] = set()
        for person in responsible_persons(record):
            number = person_number(person, record.determined_on)
            who = number.canonical if isinstance(number, Identifier) else normalise_name(person.name)
            if who in seen or (isinstance(number, Identifier) and is_minor(number, record.determined_on)):
                continue
            seen.add(who)
            derived = msgspec.structs.replace(
                listing,
                key=self.keys.derived(listing.key, who),
                origin=listing.key,
                origin_role=person.role,
                checked=isinstance(number, Identifier) and number.checked,
                filed_by_number=isinstance(number, Identifier),
                pattern=_pattern(number),
            )
            yield Filed(derived, self._subject_key(number), self.keys.name(normalise_name(person.name)))


def responsible_persons(record: ListRecord) -> Iterator[ResponsiblePerson]:
    """Who the authority names, with the legal representative whom it gave by name alone."""
    yield from sorted(record.responsible_persons, key=lambda person: person.id is None)
    if isinstance(record.subject, Organisation) and record.subject.legal_representative:
        named = {normalise_name(person.name) for person in record.responsible_persons}
        if normalise_name(record.subject.legal_representative) not in named:
            yield ResponsiblePerson(ResponsibleRole.LEGAL_REPRESENTATIVE, record.subject.legal_representative)


def subject_number(record: ListRecord) -> Identifier | MaskedNumber:
    """The subject's number. Raises ``InvalidIdentifierError``."""
    return _number(record.subject.id, record.subject.id_type, record.determined_on)


@lru_cache(maxsize=1024)
def _number(text: str, id_type: IdType | None, day: date) -> Identifier | MaskedNumber:
    """Remembered for a batch: a record is judged at the door of the stream, and filed a moment later."""
    return parse_identifier(text, id_type, today=day)


def person_number(person: ResponsiblePerson, day: date) -> Identifier | MaskedNumber | None:
    """A responsible person's number, or None where it is missing, unreadable or a company's: then nobody is named."""
    if person.id is None:
        return None
    try:
        number = parse_identifier(person.id, person.id_type, today=day)
    except InvalidIdentifierError:
        return None
    return None if isinstance(number, Identifier) and number.kind is not SubjectKind.PERSON else number


def narrower(claimed: DataClass, widest: DataClass | None) -> DataClass:
    """The more closed of two data classes."""
    return claimed if widest is None else max(claimed, widest, key=_WIDEST_FIRST.index)


def is_minor(number: Identifier, day: date) -> bool:
    """Whether the person of that number was under 18 on that day (办法二 Art. 2)."""
    birth = birth_date(number)
    return birth is not None and day < years_after(birth, ADULT_AGE)


def birth_date(number: Identifier) -> date | None:
    """The day of birth that a resident identity number states (GB 11643), if it is one."""
    if number.type not in (IdType.RESIDENT_ID, IdType.RESIDENCE_PERMIT):
        return None
    digits = number.value[6:14]
    return date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))


def _pattern(number: Identifier | MaskedNumber | None) -> str:
    """What may be shown. Without a number the pattern fits none: a name shared by many points at nobody."""
    match number:
        case Identifier():
            return number.masked()
        case MaskedNumber():
            return number.pattern
    return ""


def _decisive(listing: Listing) -> bool:
    decision = listing.determination is Determination.LIST_DECISION
    return listing.list is ListColour.BLACK and decision and listing.checked
