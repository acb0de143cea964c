"""Turns the life of a listing into entries of the register: its own, and those derived for responsible persons.

    Life ─▶ ListingIndexer.index ─┬▶ IndexedListing of the subject      (subject key, name key)
                                  └▶ IndexedListing of each responsible person, if the listing is severe

办法二 Art. 26: a severe listing of an organisation is recorded against its legal representative, its principal and
those directly responsible, as the authority names them. A person who took office later is not named; one who left
stays named. Only a number with a verified check digit leads to more than a review.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from rules.identity.forms import Identifier
from rules.identity.masked import MaskedNumber
from rules.identity.names import normalise_name
from rules.identity.subject import SubjectKeys
from rules.listings.life import Life
from rules.listings.listing import Listing
from rules.listings.responsible import is_minor, person_number, responsible_persons, subject_number
from rules.records.departments import Departments
from rules.records.feed_record import ListRecord, Organisation
from rules.vocabulary import DataClass, Determination, ListColour, Severity

_LEAST_RESTRICTIVE_FIRST = tuple(DataClass)


@dataclass(frozen=True, slots=True)
class IndexedListing:
    """A listing and the keys under which the register holds it."""

    listing: Listing
    subject_key: str | None
    """None when no whole number identifies the subject."""
    name_key: str
    excludes_red: bool = False
    """Whether it removes its subject from the red lists (办法一 Art. 4)."""

    @property
    def lookup_keys(self) -> tuple[str, ...]:
        """The keys under which a check finds it."""
        return (self.name_key,) if self.subject_key is None else (self.subject_key, self.name_key)


@dataclass(frozen=True, slots=True)
class ListingIndexer:
    """Indexes listings for one deployment: its authorities and its keys."""

    departments: Departments
    keys: SubjectKeys

    def index(self, key: str, life: Life) -> list[IndexedListing]:
        """The register's entries for this life: none, the listing, or the listing and those derived from it."""
        record = life.record
        if record is None or not life.applicable:
            return []
        number = subject_number(record)
        listing = self._listing(key, life, record, number)
        name_key = self.keys.name(normalise_name(record.subject.name))
        own = IndexedListing(listing, self._subject_key(number), name_key, _excludes_red(listing))
        return [own, *self._derived(listing, record)]

    def _listing(self, key: str, life: Life, record: ListRecord, number: Identifier | MaskedNumber) -> Listing:
        department = self.departments.find(record.authority)
        return Listing(
            key=key,
            authority=record.authority,
            list=record.list,
            category=record.category,
            severity=record.severity,
            determination=record.determination,
            data_class=more_restrictive_class(record.data_class, department.data_class if department else None),
            document_no=record.document_no,
            basis=record.basis,
            determined_on=record.determined_on,
            valid_until=life.last_day,
            checked=isinstance(number, Identifier) and number.checked,
            filed_by_number=isinstance(number, Identifier),
            pattern=_pattern(number),
            objection_open=bool(life.objections),
            flags=life.validity.flags if life.validity else (),
        )

    def _subject_key(self, number: Identifier | MaskedNumber | None) -> str | None:
        return self.keys.subject(number.canonical) if isinstance(number, Identifier) else None

    def _derived(self, listing: Listing, record: ListRecord) -> Iterator[IndexedListing]:
        """A listing for each responsible person of a severely listed organisation, minors excepted."""
        severe = listing.list is ListColour.BLACK and listing.severity is Severity.SEVERE
        if not severe or not isinstance(record.subject, Organisation):
            return
        seen: set[str] = set()
        for person in responsible_persons(record):
            number = person_number(person, record.determined_on)
            identity = number.canonical if isinstance(number, Identifier) else normalise_name(person.name)
            if identity in seen or (isinstance(number, Identifier) and is_minor(number, record.determined_on)):
                continue
            seen.add(identity)
            derived = msgspec.structs.replace(
                listing,
                key=self.keys.derived(listing.key, identity),
                origin=listing.key,
                origin_role=person.role,
                checked=isinstance(number, Identifier) and number.checked,
                filed_by_number=isinstance(number, Identifier),
                pattern=_pattern(number),
            )
            yield IndexedListing(derived, self._subject_key(number), self.keys.name(normalise_name(person.name)))


def more_restrictive_class(stated: DataClass, department_class: DataClass | None) -> DataClass:
    """The more restrictive of the class a record states and the widest its department allows (办法二 Art. 18)."""
    if department_class is None:
        return stated
    return max(stated, department_class, key=_LEAST_RESTRICTIVE_FIRST.index)


def _pattern(number: Identifier | MaskedNumber | None) -> str:
    """The number as it may be shown. Without a number the pattern is empty and fits no number."""
    match number:
        case Identifier():
            return number.masked()
        case MaskedNumber():
            return number.pattern
    return ""


def _excludes_red(listing: Listing) -> bool:
    decision = listing.determination is Determination.LIST_DECISION
    return listing.list is ListColour.BLACK and decision and listing.checked
