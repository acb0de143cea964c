"""Who a row is about: a person or an organisation, by the format's declared rules, and their fields."""

from datetime import date
from typing import Any

from intake.faults import row_fault
from intake.formats.rules import Rule, SubjectRules
from intake.rows.reading import Reading
from rules.faults import InvalidRecordError
from rules.identity.identifiers import Identifier, InvalidIdentifierError, SubjectKind, parse_identifier

_FIELDS = {
    SubjectKind.PERSON: ("name", "id", "id_type", "gender", "age", "employer"),
    SubjectKind.ORGANISATION: ("name", "id", "id_type", "registered_address", "nature", "legal_representative"),
}
_NEEDED = ("name", "id")


def read_subject(rules: SubjectRules, reading: Reading, determined_on: date) -> tuple[dict[str, Any], SubjectKind]:
    """The ``subject`` of a record and its kind. Raises ``InvalidRecordError``."""
    kind = _declared_kind(rules, reading) or _kind_by_number(rules, reading, determined_on)
    found = rules.of(kind)
    subject: dict[str, Any] = {"kind": kind.value}
    for name in _FIELDS[kind]:
        if name not in found:
            continue
        value = _read(name, found[name], reading)
        if value not in ("", None):
            subject[name] = value
        elif name in _NEEDED or found[name].required:
            reading.missing(found[name])
    return subject, kind


def _read(name: str, rule: Rule, reading: Reading) -> str | int | None:
    match name:
        case "id":
            return reading.identifier(rule)
        case "age":
            return reading.number(rule)
    return reading.text(rule)


def _declared_kind(rules: SubjectRules, reading: Reading) -> SubjectKind | None:
    if isinstance(rules.kind, str):
        return None
    value = reading.value(rules.kind)
    return SubjectKind(str(value)) if value != "" else None


def _kind_by_number(rules: SubjectRules, reading: Reading, determined_on: date) -> SubjectKind:
    """The kind that the number is of.

    The day of the determination stands for today: nobody is listed before they are born.
    """
    rule = rules.of(None).get("id")
    if rule is None:
        assert isinstance(rules.kind, Rule)
        reading.missing(rules.kind)
    assert rule is not None
    text = reading.identifier(rule)
    if not text:
        reading.missing(rule)
    try:
        number = parse_identifier(text, today=determined_on)
    except InvalidIdentifierError as fault:
        raise InvalidRecordError(fault.code, path=reading.blame(rule), text=fault.text) from None
    if isinstance(number, Identifier):
        return number.kind
    if rules.masked_kind is None:
        raise row_fault("subject_kind_unclear", reading.blame(rule))
    return rules.masked_kind
