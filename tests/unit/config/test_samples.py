"""The sample feeds are what the generator makes, cover every field, and pass validation."""

from collections import Counter
from collections.abc import Iterator
from datetime import date
from functools import cache
from typing import Any, NamedTuple

import pytest

from config.files import load_departments
from config.settings import Settings
from intake.files.tables import kind_of
from intake.formats.loader import load_formats
from intake.formats.model import FEED_RECORD
from intake.rows.pipeline import prepare
from rules.admission.feed_event import FeedEvent
from rules.admission.validator import RecordValidator
from rules.identity.subject import SubjectKeys
from rules.listings.indexer import IndexedListing
from rules.listings.life import life_of
from rules.listings.listing import Listing
from rules.listings.validity import in_force
from rules.records.feed_record import ListRecord, NaturalPerson, RemoveRecord
from rules.vocabulary import BLACK_CATEGORIES, RED_CATEGORIES, DataClass, Determination, ListColour, Severity
from scripts.make_samples import SAMPLES, sample_files
from tests.unit.records import ORGANISATION, OTHER_ORGANISATION, PERSON
from tests.unit.validator import VALIDATOR, WORKING_DAYS

TODAY = date(2026, 11, 23)
FEED_RECORDS = load_formats(Settings().formats)[FEED_RECORD]
DEPARTMENTS = load_departments(Settings().departments)
FILES = sorted(sample_files())


class Sample(NamedTuple):
    authority: str
    claim: FeedEvent

    @property
    def listed(self) -> ListRecord:
        assert isinstance(self.claim.record, ListRecord)
        return self.claim.record

    @property
    def listing(self) -> Listing:
        return self.filed.listing

    @property
    def filed(self) -> IndexedListing:
        return VALIDATOR.listing_indexer.index(self.claim.key, life_of([self.claim.record], WORKING_DAYS))[0]


@cache
def samples() -> tuple[Sample, ...]:
    """Every committed record, validated as a delivery of the authority that its file belongs to."""
    return tuple(_admitted())


def _admitted() -> Iterator[Sample]:
    desk = RecordValidator(DEPARTMENTS, SubjectKeys(b"x" * 32))
    for path in (SAMPLES / name for name in FILES):
        with path.open("rb") as file:
            for row in prepare(file, kind_of(path.name), FEED_RECORDS, path.stem):
                claim = desk.validate(row.record, today=TODAY, default_version=1_790_000_000_000, sender=path.stem)
                yield Sample(path.stem, claim)


def listed() -> list[Sample]:
    return [sample for sample in samples() if isinstance(sample.claim.record, ListRecord)]


@pytest.mark.parametrize("name", FILES)
def test_committed_file_is_what_the_generator_makes(name: str) -> None:
    """A sample is not edited by hand: change scripts/sample_texts.yaml and run scripts/make_samples.py."""
    assert (SAMPLES / name).read_bytes() == sample_files()[name]


def test_every_authority_sends_enough() -> None:
    """Each of the eight authorities has at least 40 records; together they have more than 330."""
    counts = Counter(sample.authority for sample in samples())
    assert set(counts) == set(DEPARTMENTS.departments) - {"canary"}
    assert min(counts.values()) >= 40
    assert counts.total() >= 330


def test_samples_cover_every_field_of_a_record() -> None:
    """Each category, list, severity, data class, operation and kind of subject occurs."""
    records = [sample.listed for sample in listed()]
    assert {r.category for r in records} == set(BLACK_CATEGORIES) | set(RED_CATEGORIES)
    assert {r.list for r in records} == set(ListColour)
    assert {r.severity for r in records} == set(Severity)
    assert {r.data_class for r in records} == set(DataClass)
    assert {r.determination for r in records} == set(Determination)
    persons = sum(isinstance(r.subject, NaturalPerson) for r in records)
    assert 0.2 < persons / len(records) < 0.6
    assert sum(bool(r.responsible_persons) for r in records) >= 30


def test_numbers_are_written_in_every_way() -> None:
    """15-digit and masked ids, residence permits and organisation codes occur; all others have a valid check digit."""
    numbers = [sample.listed.subject.id for sample in listed()]
    assert sum(len(number) == 15 for number in numbers) >= 5
    assert sum("*" in number for number in numbers) >= 5
    assert {number[:2] for number in numbers} >= {"81", "82", "83"}
    assert any(number.startswith("MAYT") for number in numbers)
    unchecked = [s for s in listed() if not s.listing.checked]
    assert all("*" in s.listed.subject.id for s in unchecked if len(s.listed.subject.id) != 15)


def test_numbers_are_marked_as_invented() -> None:
    """Persons' identifiers have county code 320899, which does not exist; organisation codes are not yet assigned."""
    demo = {ORGANISATION, OTHER_ORGANISATION, PERSON, "54320800MJ5TE5T428"}
    for number in {sample.listed.subject.id for sample in listed()} - demo:
        assert number.startswith(("320899", "810000", "820000", "830000")) or "MAYT" in number
    answerable = [person.id for sample in listed() for person in sample.listed.responsible_persons]
    assert all(number is None or number.startswith("320899") for number in answerable)


def test_most_samples_are_valid_for_a_year() -> None:
    """Most listings stay in force for a year; the expired ones are expired from the start."""
    ends = [sample.listing.valid_until for sample in listed()]
    assert sum(in_force(end, date(2027, 11, 23)) for end in ends) > 0.6 * len(ends)
    assert sum(not in_force(end, date(2026, 11, 1)) for end in ends) >= 8


def test_record_numbers_are_unique_and_removals_win() -> None:
    """A record number has one listing; a removal has a higher order than the listing that it removes."""
    assert max(Counter(sample.claim.key for sample in listed()).values()) == 1
    assert max(Counter(sample.listed.document_no for sample in listed()).values()) == 1
    orders = {sample.claim.key: sample.claim.order for sample in listed()}
    removals = [s.claim for s in samples() if isinstance(s.claim.record, RemoveRecord)]
    assert len(removals) >= 5
    assert all(orders[removal.key] < removal.order for removal in removals)


@pytest.mark.parametrize(
    ("authority", "number", "category"),
    [
        ("court", ORGANISATION, "C07"),
        ("market-regulation", OTHER_ORGANISATION, "C04"),
        ("taxation", PERSON, "C04"),
        ("finance", "54320800MJ5TE5T428", "R04"),
    ],
)
def test_the_subjects_of_the_demo(authority: str, number: str, category: str) -> None:
    """The README and the demo platform use these four subjects."""
    (found,) = [sample for sample in listed() if sample.listed.subject.id == number]
    record = found.listed
    assert (found.authority, record.category, record.data_class) == (authority, category, DataClass.PUBLIC)
    assert (record.determined_on, record.valid_until) == (date(2026, 8, 12), None)
    assert record.list is ListColour.RED or record.severity is Severity.SEVERE


def test_one_subject_stands_on_two_lists() -> None:
    """One subject is listed by two authorities, and one is on the red and the black list."""
    by_number: dict[str, list[Any]] = {}
    for sample in listed():
        by_number.setdefault(sample.filed.lookup_keys[0], []).append((sample.authority, sample.listed.list.value))
    twice = sorted(sorted(found) for found in by_number.values() if len(found) > 1)
    assert twice == [
        [("court", "black"), ("human-resources", "black")],
        [("environment", "red"), ("finance", "black")],
    ]
