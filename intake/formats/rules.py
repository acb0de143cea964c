"""The words of a format file: how one field of a record is made from the columns of a row."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from intake.formats.dates import DateForm
from rules.identity.identifiers import SubjectKind
from rules.vocabulary import ResponsibleRole

Constant = str | bool | int
AUTHORITY, CHANGED_AT = "@authority", "@ts_ms"
"""What a rule may read besides columns: who sends; when a row changed, in ms (Debezium's ``source.ts_ms``)."""


class Split(Struct, frozen=True, forbid_unknown_fields=True):
    """Takes one part of a cell: cut at any of the characters ``at``; parts count from 1, from the end below 0."""

    at: Annotated[str, Meta(min_length=1)]
    part: int


class Rule(
    Struct,
    frozen=True,
    forbid_unknown_fields=True,
    rename={"source": "from", "constant": "is", "joiner": "with", "otherwise": "else"},
):
    """Where a field comes from: exactly one of ``is``, ``from`` and ``join``.

    ``from`` names a column, or several of which the first that is not empty counts; ``join`` puts the filled
    ones together. Then, in this order: ``split``, ``codes`` (a code table; ``else`` for what it lacks, which
    is refused otherwise), ``default`` for an empty cell.
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
        """The columns that it reads."""
        source = (self.source,) if isinstance(self.source, str) else self.source
        return source or self.join


class SubjectFields(Struct, frozen=True, forbid_unknown_fields=True):
    """Who: fields of both kinds of subject, of persons, of organisations."""

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
    """The subject. What stands under ``natural_person`` or ``organisation`` goes before what stands beside it.

    ``kind`` is a rule, or ``by_number``: the form of the number decides (``rules.identity.identifiers``). A rule whose
    cell is empty falls back on the number. A masked number decides nothing: it is of ``masked_kind``, if given.
    """

    kind: Rule | Literal["by_number"] = "by_number"
    masked_kind: SubjectKind | None = None
    natural_person: SubjectFields = SubjectFields()
    organisation: SubjectFields = SubjectFields()

    def of(self, kind: SubjectKind | None) -> dict[str, Rule]:
        """The rules by field for one kind of subject; those of both kinds for None."""
        special = {None: None, SubjectKind.PERSON: self.natural_person, SubjectKind.ORGANISATION: self.organisation}
        return _rules(self) | (_rules(found) if (found := special[kind]) else {})

    def kinds(self) -> tuple[SubjectKind | None, ...]:
        """The kinds of subject that can occur; None is among them where the number has to decide."""
        if isinstance(self.kind, str):
            return (None, *SubjectKind)
        return (SubjectKind(str(self.kind.constant)),) if self.kind.constant is not None else tuple(SubjectKind)


class PersonRules(Struct, frozen=True, forbid_unknown_fields=True):
    """A person who answers for a listed organisation (办法二 Art. 26); left out where the name is empty.

    ``split`` holds the characters between several people in one cell; names and numbers are paired in order.
    """

    role: ResponsibleRole
    name: Rule
    id: Rule | None = None
    split: str | None = None


class BasisRules(Struct, frozen=True, forbid_unknown_fields=True):
    """What permits a longer end than the legal one."""

    kind: Rule
    text: Rule


class RecordRules(Struct, frozen=True, forbid_unknown_fields=True):
    """The fields of a ``list`` record. ``ends`` becomes ``valid_until`` or ``removed_on`` by ``end_kind``."""

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
    """A ``remove`` record: of each row whose ``determined_on`` is filled, or of each deleted row of an envelope."""

    determined_on: Rule
    document_no: Rule
    reason: Rule | None = None


def _rules(fields: SubjectFields) -> dict[str, Rule]:
    found = ((name, getattr(fields, name)) for name in SubjectFields.__struct_fields__)
    return {name: rule for name, rule in found if rule is not None}


def places_of(value: Any, place: str = "$") -> Iterator[tuple[str, Rule]]:  # noqa: ANN401 - walks any of the structs
    """Every rule of a format with its place."""
    if isinstance(value, Rule):
        yield place, value
    elif isinstance(value, tuple):
        for index, item in enumerate(value):
            yield from places_of(item, f"{place}[{index}]")
    elif isinstance(value, Struct):
        for name in value.__struct_fields__:
            yield from places_of(getattr(value, name), f"{place}.{name}")
