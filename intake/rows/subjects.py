"""The subject of a row: whether it is a person or an organisation, and its fields."""

from datetime import date

from intake.faults import row_fault
from intake.formats.rules import Rule, SubjectRules
from intake.rows.reading import RowReader
from intake.rows.record_document import RecordDocument
from rules.faults import InvalidRecordError
from rules.identity.identifiers import Identifier, InvalidIdentifierError, SubjectKind, parse_identifier

_FIELD_NAMES = {
    SubjectKind.PERSON: ("name", "id", "id_type", "gender", "age", "employer"),
    SubjectKind.ORGANISATION: ("name", "id", "id_type", "registered_address", "nature", "legal_representative"),
}
_REQUIRED_FIELDS = ("name", "id")


def read_subject(rules: SubjectRules, reader: RowReader, determined_on: date) -> tuple[RecordDocument, SubjectKind]:
    """The ``subject`` of a record and its kind. Raises ``InvalidRecordError``."""
    kind = _declared_kind(rules, reader) or _kind_by_identifier(rules, reader, determined_on)
    field_rules = rules.rules_for(kind)
    subject: RecordDocument = {"kind": kind.value}
    for name in _FIELD_NAMES[kind]:
        if name not in field_rules:
            continue
        value = _read_field(name, field_rules[name], reader)
        if value not in ("", None):
            subject[name] = value
        elif name in _REQUIRED_FIELDS or field_rules[name].required:
            reader.refuse_missing(field_rules[name])
    return subject, kind


def _read_field(name: str, rule: Rule, reader: RowReader) -> str | int | None:
    match name:
        case "id":
            return reader.identifier(rule)
        case "age":
            return reader.number(rule)
    return reader.text(rule)


def _declared_kind(rules: SubjectRules, reader: RowReader) -> SubjectKind | None:
    if isinstance(rules.kind, str):
        return None
    value = reader.value(rules.kind)
    return SubjectKind(str(value)) if value != "" else None


def _kind_by_identifier(rules: SubjectRules, reader: RowReader, determined_on: date) -> SubjectKind:
    """The kind of subject that the identifier belongs to.

    Its date of birth is checked against the day of the determination, not against today: a person is born before it.
    """
    rule = rules.rules_for(None).get("id")
    if rule is None:
        assert isinstance(rules.kind, Rule)
        reader.refuse_missing(rules.kind)
    text = reader.identifier(rule)
    if not text:
        reader.refuse_missing(rule)
    try:
        identifier = parse_identifier(text, today=determined_on)
    except InvalidIdentifierError as fault:
        raise InvalidRecordError(fault.code, path=reader.source_of(rule), text=fault.text) from None
    if isinstance(identifier, Identifier):
        return identifier.kind
    if rules.masked_kind is None:
        raise row_fault("subject_kind_unclear", reader.source_of(rule))
    return rules.masked_kind
