"""From a row to feed records v1, as the row's format says."""

from datetime import date
from typing import Any

from intake.faults import row_fault
from intake.files.tables import Row
from intake.formats.model import Format
from intake.formats.rules import AUTHORITY, CHANGED_AT, PersonRules, RecordRules, RemovalRules, Rule
from intake.rows.debezium import change_of
from intake.rows.feed_rows import feed_record
from intake.rows.reading import Reading
from intake.rows.record_number import record_number
from intake.rows.subjects import read_subject
from rules.faults import InvalidRecordError
from rules.identity.identifiers import SubjectKind

_END_FIELDS = {"valid_through": "valid_until", "removed_on": "removed_on"}


def map_row(fmt: Format, row: Row, *, authority: str) -> list[dict[str, Any]]:
    """The records that a row says, in the order in which they happened; none for a tombstone.

    Raises ``InvalidRecordError`` whose path is a column in the department's own words.
    """
    return map_noted(fmt, row, authority)[0]


def map_noted(fmt: Format, row: Row, authority: str) -> tuple[list[dict[str, Any]], tuple[str, ...]]:
    """As ``map_row``, with codes of ``INTAKE_NOTES`` for what was read otherwise than it was written."""
    if row.fault is not None:
        raise row.fault
    if fmt.record is None:
        return [feed_record(row, authority)], ()
    if fmt.envelope == "debezium":
        return _of_change(fmt, fmt.record, row, authority)
    if not isinstance(row.cells, dict):
        raise InvalidRecordError("record_not_object")
    reading = Reading(fmt, row.cells, {AUTHORITY: authority}, row.date_1904)
    records = [_listing(fmt, fmt.record, reading, authority)]
    if fmt.removal is not None:
        removed_on = reading.day(fmt.removal.determined_on)
        records += [_removal(fmt.record, fmt.removal, reading, authority, removed_on)] if removed_on else []
    return records, tuple(dict.fromkeys(reading.notes))


def _of_change(
    fmt: Format, rules: RecordRules, row: Row, authority: str
) -> tuple[list[dict[str, Any]], tuple[str, ...]]:
    change = change_of(row.cells)
    if change is None:
        return [], ()
    reading = Reading(fmt, change.row, {AUTHORITY: authority, CHANGED_AT: change.changed_at})
    if not change.deleted:
        return [_listing(fmt, rules, reading, authority)], tuple(dict.fromkeys(reading.notes))
    assert fmt.removal is not None
    try:
        day = reading.day(fmt.removal.determined_on)
        return [_removal(rules, fmt.removal, reading, authority, day)], ()
    except InvalidRecordError as fault:
        if fault.code not in ("column_empty", "column_missing"):
            raise
        # With PostgreSQL's default identity ``before`` holds the primary key only.
        raise row_fault("change_without_before", fault.path) from None


def _listing(fmt: Format, rules: RecordRules, reading: Reading, authority: str) -> dict[str, Any]:
    determined_on = _needed_day(reading, rules.determined_on)
    subject, kind = read_subject(rules.subject, reading, determined_on)
    record: dict[str, Any] = {
        "operation": "list",
        "record_no": record_number(rules, reading),
        "authority": authority,
        "list": reading.needed(rules.list),
        "category": reading.needed(rules.category),
        "subject": subject,
        "facts": reading.needed(rules.facts),
        "basis": reading.needed(rules.basis),
        "document_no": reading.needed(rules.document_no),
        "determined_on": determined_on.isoformat(),
    }
    record |= _further(rules, reading)
    if fmt.end_kind is not None and rules.ends is not None:
        record |= _dated({_END_FIELDS[fmt.end_kind]: reading.end(rules.ends)})
    people = [person for each in rules.responsible_persons for person in _people(each, reading)]
    if people and kind is SubjectKind.ORGANISATION:
        record["responsible_persons"] = people
    return record


def _further(rules: RecordRules, reading: Reading) -> dict[str, Any]:
    """The fields that a record may lack."""
    found: dict[str, Any] = {}
    for name in ("severity", "determination", "data_class", "first_listing"):
        rule = getattr(rules, name)
        if rule is not None and (value := reading.value(rule)) != "":
            found[name] = value
    if rules.version is not None and (version := reading.number(rules.version)) is not None:
        found["version"] = version
    if (basis := rules.validity_basis) is not None and reading.value(basis.text) != "":
        found["validity_basis"] = {"kind": reading.needed(basis.kind), "text": reading.text(basis.text)}
    for name in ("published_from", "published_until"):
        if (rule := getattr(rules, name)) is not None:
            found |= _dated({name: reading.end(rule) if name == "published_until" else reading.day(rule)})
    return found


def _removal(
    rules: RecordRules, removal: RemovalRules, reading: Reading, authority: str, day: date | None
) -> dict[str, Any]:
    record: dict[str, Any] = {
        "operation": "remove",
        "record_no": record_number(rules, reading),
        "authority": authority,
        "document_no": reading.needed(removal.document_no),
        "determined_on": (day or reading.missing(removal.determined_on)).isoformat(),
    }
    if rules.version is not None and (version := reading.number(rules.version)) is not None:
        record["version"] = version
    if removal.reason is not None and (reason := reading.text(removal.reason)):
        record["reason"] = reason
    return record


def _people(rules: PersonRules, reading: Reading) -> list[dict[str, Any]]:
    names = _several(reading.text(rules.name), rules.split)
    numbers = _several(reading.identifier(rules.id), rules.split) if rules.id is not None else []
    if not names or not numbers:
        return [{"role": rules.role.value, "name": name} for name in names]
    if len(names) != len(numbers):
        assert rules.id is not None
        raise row_fault("split_uneven", reading.blame(rules.id))
    return [{"role": rules.role.value, "name": name, "id": number} for name, number in zip(names, numbers, strict=True)]


def _several(text: str, at: str | None) -> list[str]:
    if at is None:
        return [text] if text else []
    parts = text.translate(dict.fromkeys(map(ord, at), "\n")).split("\n")
    return [part.strip() for part in parts if part.strip()]


def _needed_day(reading: Reading, rule: Rule) -> date:
    return reading.day(rule) or reading.missing(rule)


def _dated(fields: dict[str, date | None]) -> dict[str, str]:
    return {name: day.isoformat() for name, day in fields.items() if day is not None}
