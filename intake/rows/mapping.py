"""From a row to feed records v1, as the row's format says."""

from datetime import date
from typing import NamedTuple

from intake.faults import row_fault
from intake.files.row import Row
from intake.formats.model import Format
from intake.formats.rules import AUTHORITY, CHANGED_AT, PersonRules, RecordRules, RemovalRules
from intake.rows.debezium import parse_change
from intake.rows.feed_rows import feed_record
from intake.rows.reading import RowReader, split_at
from intake.rows.record_document import RecordDocument
from intake.rows.record_number import record_number
from intake.rows.subjects import read_subject
from rules.faults import InvalidRecordError
from rules.identity.identifiers import SubjectKind

_END_FIELDS = {"valid_through": "valid_until", "removed_on": "removed_on"}
"""The field of a record in which an end is stored, by the format's ``end_kind``."""


class MappedRow(NamedTuple):
    """The records of one row in the order in which they happened, with codes of ``INTAKE_NOTES``."""

    records: list[RecordDocument]
    notes: tuple[str, ...] = ()


def map_row(fmt: Format, row: Row, authority: str) -> MappedRow:
    """The records that a row gives; none for a tombstone.

    Raises ``InvalidRecordError``, whose path is a column in the department's own words.
    """
    if row.fault is not None:
        raise row.fault
    if fmt.record is None:
        return MappedRow([feed_record(row, authority)])
    if fmt.envelope == "debezium":
        return _map_change(fmt, fmt.record, row, authority)
    reader = RowReader(fmt, row.by_column(), {AUTHORITY: authority}, date_1904=row.date_1904)
    records = [_listing(fmt, fmt.record, reader, authority)]
    if fmt.removal is not None and (removed_on := reader.day(fmt.removal.determined_on)):
        records.append(_removal(fmt.record, fmt.removal, reader, authority, removed_on))
    return MappedRow(records, tuple(dict.fromkeys(reader.notes)))


def _map_change(fmt: Format, rules: RecordRules, row: Row, authority: str) -> MappedRow:
    change = parse_change(row.cells)
    if change is None:
        return MappedRow([])
    reader = RowReader(fmt, change.row, {AUTHORITY: authority, CHANGED_AT: change.changed_at})
    if not change.deleted:
        return MappedRow([_listing(fmt, rules, reader, authority)], tuple(dict.fromkeys(reader.notes)))
    assert fmt.removal is not None
    try:
        removed_on = reader.day(fmt.removal.determined_on)
        return MappedRow([_removal(rules, fmt.removal, reader, authority, removed_on)])
    except InvalidRecordError as fault:
        if fault.code not in ("column_empty", "column_missing"):
            raise
        # With PostgreSQL's default replica identity, ``before`` holds only the primary key.
        raise row_fault("change_without_before", fault.path) from None


def _listing(fmt: Format, rules: RecordRules, reader: RowReader, authority: str) -> RecordDocument:
    determined_on = reader.required_day(rules.determined_on)
    subject, kind = read_subject(rules.subject, reader, determined_on)
    record: RecordDocument = {
        "operation": "list",
        "record_no": record_number(rules, reader),
        "authority": authority,
        "list": reader.required(rules.list),
        "category": reader.required(rules.category),
        "subject": subject,
        "facts": reader.required(rules.facts),
        "basis": reader.required(rules.basis),
        "document_no": reader.required(rules.document_no),
        "determined_on": determined_on.isoformat(),
    }
    record |= _optional_fields(rules, reader)
    if fmt.end_kind is not None and rules.ends is not None:
        record |= _iso_days({_END_FIELDS[fmt.end_kind]: reader.end(rules.ends)})
    people = [person for each in rules.responsible_persons for person in _responsible_persons(each, reader)]
    if people and kind is SubjectKind.ORGANISATION:
        record["responsible_persons"] = people
    return record


def _optional_fields(rules: RecordRules, reader: RowReader) -> RecordDocument:
    found: RecordDocument = {}
    for name in ("severity", "determination", "data_class", "first_listing"):
        rule = getattr(rules, name)
        if rule is not None and (value := reader.value(rule)) != "":
            found[name] = value
    found |= _version(rules, reader)
    if (basis := rules.validity_basis) is not None and reader.value(basis.text) != "":
        found["validity_basis"] = {"kind": reader.required(basis.kind), "text": reader.text(basis.text)}
    if rules.published_from is not None:
        found |= _iso_days({"published_from": reader.day(rules.published_from)})
    if rules.published_until is not None:
        found |= _iso_days({"published_until": reader.end(rules.published_until)})
    return found


def _removal(
    rules: RecordRules, removal: RemovalRules, reader: RowReader, authority: str, removed_on: date | None
) -> RecordDocument:
    record: RecordDocument = {
        "operation": "remove",
        "record_no": record_number(rules, reader),
        "authority": authority,
        "document_no": reader.required(removal.document_no),
        "determined_on": (removed_on or reader.refuse_missing(removal.determined_on)).isoformat(),
    }
    record |= _version(rules, reader)
    if removal.reason is not None and (reason := reader.text(removal.reason)):
        record["reason"] = reason
    return record


def _version(rules: RecordRules, reader: RowReader) -> RecordDocument:
    version = None if rules.version is None else reader.number(rules.version)
    return {} if version is None else {"version": version}


def _responsible_persons(rules: PersonRules, reader: RowReader) -> list[RecordDocument]:
    names = _several(reader.text(rules.name), rules.split)
    identifiers = [] if rules.id is None else _several(reader.identifier(rules.id), rules.split)
    people = [{"role": rules.role.value, "name": name} for name in names]
    if rules.id is None or not names or not identifiers:
        return people
    if len(names) != len(identifiers):
        raise row_fault("split_uneven", reader.source_of(rules.id))
    return [person | {"id": identifier} for person, identifier in zip(people, identifiers, strict=True)]


def _several(text: str, separators: str | None) -> list[str]:
    """The filled parts of a cell, or the whole cell where the format has no separators."""
    parts = [text] if separators is None else split_at(text, separators)
    return [part for part in parts if part]


def _iso_days(fields: dict[str, date | None]) -> dict[str, str]:
    return {name: day.isoformat() for name, day in fields.items() if day is not None}
