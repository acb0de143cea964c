"""What no type can say about a format file: each problem with its place, before anything is read with it."""

from collections.abc import Iterator

from intake.formats.model import Format
from intake.formats.rules import AUTHORITY, CHANGED_AT, places_of
from rules.identity.identifiers import IdType, SubjectKind
from rules.vocabulary import (
    BLACK_CATEGORIES,
    RED_CATEGORIES,
    BasisKind,
    DataClass,
    Determination,
    ListColour,
    Severity,
)

_CLOSED = {
    "$.record.list": frozenset(ListColour),
    "$.record.category": frozenset((*BLACK_CATEGORIES, *RED_CATEGORIES)),
    "$.record.severity": frozenset(Severity),
    "$.record.determination": frozenset(Determination),
    "$.record.data_class": frozenset(DataClass),
    "$.record.subject.kind": frozenset(SubjectKind),
    "$.record.validity_basis.kind": frozenset(BasisKind),
}
"""Fields whose words are few: whatever a format gives them must be one of these."""


def problems_of(fmt: Format) -> Iterator[str]:
    """One sentence for each problem, with its place; none when the format can be used."""
    words = list(_words_problems(fmt))
    yield from words
    yield from _rule_problems(fmt)
    if not words:
        yield from _whole_problems(fmt)


def _rule_problems(fmt: Format) -> Iterator[str]:
    given = {AUTHORITY, CHANGED_AT} if fmt.envelope else {AUTHORITY}
    for place, rule in places_of(fmt):
        if sum((rule.constant is not None, bool(rule.source), bool(rule.join))) != 1:
            yield f"exactly one of is, from, join - at `{place}`"
        if any(column.startswith("@") and column not in given for column in rule.columns):
            yield f"besides the columns there is only {', '.join(sorted(given))} - at `{place}`"
        if rule.otherwise is not None and rule.codes is None:
            yield f"else needs codes - at `{place}`"


def _words_problems(fmt: Format) -> Iterator[str]:
    for place, rule in places_of(fmt):
        words = _CLOSED.get(place)
        if place.endswith(".id_type"):
            words = frozenset(IdType)
        given = {rule.constant, rule.otherwise, rule.default, *(rule.codes or {}).values()} - {None}
        if words and (unknown := given - words):
            yield f"unknown {', '.join(sorted(map(str, unknown)))} - at `{place}`"


def _whole_problems(fmt: Format) -> Iterator[str]:
    record = fmt.record
    assert record is not None
    if (record.ends is None) is not (fmt.end_kind is None):
        yield "ends and end_kind go together - at `$.end_kind`"
    if fmt.envelope and fmt.removal is None:
        yield "an envelope tells of deleted rows, so it needs a removal - at `$.removal`"
    for kind in record.subject.kinds():
        if missing := {"name", "id"} - set(record.subject.of(kind)):
            yield f"missing {', '.join(sorted(missing))} - at `$.record.subject`"
    if numbers := _number_columns(fmt) & set(record.record_no.columns):
        yield f"{', '.join(sorted(numbers))} holds a subject's number - at `$.record.record_no`"
    if unknown := set(fmt.aliases) - fmt.used - set(fmt.ignored):
        yield f"no rule reads {', '.join(sorted(unknown))} - at `$.aliases`"


def _number_columns(fmt: Format) -> set[str]:
    """Columns from which numbers of subjects are read: these may never be part of a record's own number."""
    return {column for place, rule in places_of(fmt) if place.endswith(".id") for column in rule.columns}
