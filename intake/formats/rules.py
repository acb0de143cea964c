"""The language of a format file: how each field of a record is read from the columns of a row."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from intake.formats.dates import DateForm
from rules.identity.identifiers import SubjectKind
from rules.vocabulary import ResponsibleRole

Constant = str | bool | int
AUTHORITY, CHANGED_AT = "@authority", "@ts_ms"
"""Values besides columns that a rule may read: the sender; the time of a change in ms (Debezium's ``source.ts_ms``)."""


class Split(Struct, frozen=True, forbid_unknown_fields=True):
    """Takes one part of a cell that is split at any character of ``at``. ``part`` 1 is the first, -1 the last."""

    at: Annotated[str, Meta(min_length=1)]
    part: int


class Rule(
    Struct,
    frozen=True,
    forbid_unknown_fields=True,
    rename={"source": "from", "constant": "is", "joiner": "with", "otherwise": "else"},
):
    """Where a field comes from: exactly one of ``is``, ``from`` and ``join``.

    ``from`` names a column, or several, of which the first filled one is read; ``join`` concatenates the filled ones.
    Then, in this order: ``split``; ``codes``, a code table (``else`` is for values that it lacks; without ``else``
    they are refused); ``default`` for an empty cell.
    """

    source: str | tuple[str, ...] = ()
    constant: Constant | None = None
    join: tuple[str, ...] = ()
    joiner: str = "/"
    split: Split | None = None
    codes: dict[str, Constant] | None = None
    otherwise: Constant | None = None
    default: Constant | None = None
    date_form: DateForm = DateForm.TEXT
    required: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that the rule reads."""
        source = (self.source,) if isinstance(self.source, str) else self.source
        return source or self.join


class SubjectFields(Struct, frozen=True, forbid_unknown_fields=True):
    """The fields of a subject: of both kinds, of persons only, and of organisations only."""

    name: Rule | None = None
    id: Rule | None = None
    id_type: Rule | None = None
    gender: Rule | None = None
    age: Rule | None = None
    employer: Rule | None = None
    registered_address: Rule | None = None
    nature: Rule | None = None
    legal_representative: Rule | None = None


class SubjectRules(SubjectFields, frozen=True, forbid_unknown_fields=True):
    """The subject. Rules under ``natural_person`` or ``organisation`` take precedence over the common ones.

    ``kind`` is a rule, or ``by_number``: the form of the identifier decides (``rules.identity.identifiers``). If the
    rule's cell is empty, the identifier decides. A masked identifier cannot; its subject is of ``masked_kind``.
    """

    kind: Rule | Literal["by_number"] = "by_number"
    masked_kind: SubjectKind | None = None
    natural_person: SubjectFields = SubjectFields()
    organisation: SubjectFields = SubjectFields()

    def rules_for(self, kind: SubjectKind | None) -> dict[str, Rule]:
        """The rules by field for one kind of subject; for None only the common ones."""
        own = {None: None, SubjectKind.PERSON: self.natural_person, SubjectKind.ORGANISATION: self.organisation}
        return _rules(self) | (_rules(found) if (found := own[kind]) else {})

    def possible_kinds(self) -> tuple[SubjectKind | None, ...]:
        """The kinds of subject that may occur; None stands for a kind that the identifier decides."""
        if isinstance(self.kind, str):
            return (None, *SubjectKind)
        return (SubjectKind(str(self.kind.constant)),) if self.kind.constant is not None else tuple(SubjectKind)


class PersonRules(Struct, frozen=True, forbid_unknown_fields=True):
    """A person responsible for a listed organisation (办法二 Art. 26); left out where the name is empty.

    ``split`` holds the characters that separate several people in one cell; names and identifiers are paired in order.
    """

    role: ResponsibleRole
    name: Rule
    id: Rule | None = None
    split: str | None = None


class BasisRules(Struct, frozen=True, forbid_unknown_fields=True):
    """The document that permits a later end than the legal one."""

    kind: Rule
    text: Rule


class RecordRules(Struct, frozen=True, forbid_unknown_fields=True):
    """The fields of a ``list`` record. ``ends`` is read as ``valid_until`` or ``removed_on``, as ``end_kind`` says."""

    record_no: Rule
    list: Rule
    category: Rule
    subject: SubjectRules
    facts: Rule
    basis: Rule
    document_no: Rule
    determined_on: Rule
    version: Rule | None = None
    severity: Rule | None = None
    determination: Rule | None = None
    data_class: Rule | None = None
    ends: Rule | None = None
    validity_basis: BasisRules | None = None
    published_from: Rule | None = None
    published_until: Rule | None = None
    first_listing: Rule | None = None
    responsible_persons: tuple[PersonRules, ...] = ()


class RemovalRules(Struct, frozen=True, forbid_unknown_fields=True):
    """A ``remove`` record: for each row with a filled ``determined_on``, or for each deletion in an envelope."""

    determined_on: Rule
    document_no: Rule
    reason: Rule | None = None


def _rules(fields: SubjectFields) -> dict[str, Rule]:
    found = ((name, getattr(fields, name)) for name in SubjectFields.__struct_fields__)
    return {name: rule for name, rule in found if rule is not None}


def rules_with_places(value: Any, place: str = "$") -> Iterator[tuple[str, Rule]]:  # noqa: ANN401 - any struct of this module
    """Every rule in a format, or in a part of one, with its place (``$.record.subject.id``)."""
    if isinstance(value, Rule):
        yield place, value
    elif isinstance(value, tuple):
        for index, item in enumerate(value):
            yield from rules_with_places(item, f"{place}[{index}]")
    elif isinstance(value, Struct):
        for name in value.__struct_fields__:
            yield from rules_with_places(getattr(value, name), f"{place}.{name}")
