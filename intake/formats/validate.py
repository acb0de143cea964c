"""The checks of a format file that its types cannot express. Each problem is reported with its place."""

from collections.abc import Iterator

from intake.formats.model import Format
from intake.formats.rules import AUTHORITY, CHANGED_AT, rules_with_places
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

_VOCABULARIES = {
    "$.record.list": frozenset(ListColour),
    "$.record.category": frozenset((*BLACK_CATEGORIES, *RED_CATEGORIES)),
    "$.record.severity": frozenset(Severity),
    "$.record.determination": frozenset(Determination),
    "$.record.data_class": frozenset(DataClass),
    "$.record.subject.kind": frozenset(SubjectKind),
    "$.record.validity_basis.kind": frozenset(BasisKind),
}
"""Fields with a closed vocabulary: every value that a format can give them must be in it."""


def problems_of(fmt: Format) -> Iterator[str]:
    """One line for each problem, with its place; none if the format is valid."""
    unknown_words = list(_vocabulary_problems(fmt))
    yield from unknown_words
    yield from _rule_problems(fmt)
    if not unknown_words:
        yield from _consistency_problems(fmt)


def _rule_problems(fmt: Format) -> Iterator[str]:
    available = {AUTHORITY, CHANGED_AT} if fmt.envelope else {AUTHORITY}
    for place, rule in rules_with_places(fmt):
        if sum((rule.constant is not None, bool(rule.source), bool(rule.join))) != 1:
            yield f"exactly one of is, from, join - at `{place}`"
        if any(column.startswith("@") and column not in available for column in rule.columns):
            yield f"the only values besides columns are {', '.join(sorted(available))} - at `{place}`"
        if rule.otherwise is not None and rule.codes is None:
            yield f"else needs codes - at `{place}`"


def _vocabulary_problems(fmt: Format) -> Iterator[str]:
    for place, rule in rules_with_places(fmt):
        vocabulary = _VOCABULARIES.get(place)
        if place.endswith(".id_type"):
            vocabulary = frozenset(IdType)
        possible = {rule.constant, rule.otherwise, rule.default, *(rule.codes or {}).values()} - {None}
        if vocabulary and (unknown := possible - vocabulary):
            yield f"unknown {', '.join(sorted(map(str, unknown)))} - at `{place}`"


def _consistency_problems(fmt: Format) -> Iterator[str]:
    record = fmt.record
    assert record is not None
    if (record.ends is None) is not (fmt.end_kind is None):
        yield "ends and end_kind must be given together - at `$.end_kind`"
    if fmt.envelope and fmt.removal is None:
        yield "an envelope has deletions and needs a removal - at `$.removal`"
    for kind in record.subject.possible_kinds():
        if missing := {"name", "id"} - set(record.subject.rules_for(kind)):
            yield f"missing {', '.join(sorted(missing))} - at `$.record.subject`"
    if identifiers := _identifier_columns(fmt) & set(record.record_no.columns):
        yield f"{', '.join(sorted(identifiers))} holds a subject's identifier - at `$.record.record_no`"
    if unknown := set(fmt.aliases) - fmt.used_columns - set(fmt.ignored):
        yield f"no rule reads {', '.join(sorted(unknown))} - at `$.aliases`"


def _identifier_columns(fmt: Format) -> set[str]:
    """Columns with identifiers of subjects. Personal data must not become part of a record's own number."""
    return {column for place, rule in rules_with_places(fmt) if place.endswith(".id") for column in rule.columns}
