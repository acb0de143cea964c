"""Parses what a sender or caller typed: the whole number of one subject, or a masked number.

    text ─▶ fold ─▶ whole?  ─▶ the readers for its length (forms) ─▶ Identifier
                    masked? ─▶ read_masked (masked)               ─▶ MaskedNumber

Numbers identify subjects by 办法二 Art. 15: persons by 居民身份证号码, organisations by 统一社会信用代码.
"""

from datetime import date

import msgspec

from rules.identity.faults import InvalidIdentifierError
from rules.identity.folding import fold, is_plain
from rules.identity.forms import (
    CENTURIES,
    LENGTHS,
    Identifier,
    IdType,
    SubjectKind,
    birth_possible,
    read_15,
    read_org_code,
    read_person,
    read_uscc,
)
from rules.identity.masked import MaskedNumber, read_masked

__all__ = [
    "IdType",
    "Identifier",
    "InvalidIdentifierError",
    "MaskedNumber",
    "SubjectKind",
    "fold",
    "parse_identifier",
]

_MAX_TEXT_CHARS = 256
_ID_TYPES = {known.value: known for known in IdType}


def parse_identifier(text: str, id_type: str | None = None, *, today: date) -> Identifier | MaskedNumber:
    """The number that a text gives. Raises ``InvalidIdentifierError``.

    ``id_type`` is the type that the sender declares. It decides between a person and an organisation where the
    number is valid for both, and the wrong one of these is refused. Another type of the same kind of subject only
    adds the warning ``declared_type_differs``.
    """
    declared = None if id_type is None else _ID_TYPES.get(id_type)
    if id_type is not None and declared is None:
        raise InvalidIdentifierError("identifier_type_unknown")
    if len(text) > _MAX_TEXT_CHARS:
        raise InvalidIdentifierError("identifier_length")
    folded = fold(text)
    if not folded:
        raise InvalidIdentifierError("identifier_empty")
    masked = "*" in folded or "…" in folded
    found = read_masked(folded, declared) if masked else _read_whole(folded, declared, today)
    if isinstance(found, str):
        raise InvalidIdentifierError(found)
    return found


def _read_whole(folded: str, declared: IdType | None, today: date) -> Identifier | str:
    if not is_plain(folded):
        return "identifier_characters"
    match len(folded):
        case 9:
            found = read_org_code(folded)
        case 15:
            found = read_15(folded, today)
        case 18:
            found = _read_18(folded, declared, today)
        case _:
            return "identifier_length"
    if declared is None:
        return found
    if isinstance(found, str):
        return found if len(folded) in LENGTHS[declared.kind] else "identifier_length"
    if found.kind is not declared.kind:
        return "identifier_type_mismatch"
    if found.type is not declared:
        return msgspec.structs.replace(found, warnings=(*found.warnings, "declared_type_differs"))
    return found


def _read_18(folded: str, declared: IdType | None, today: date) -> Identifier | str:
    """Reads 18 characters both ways and takes the declared kind first, else the reading that is valid."""
    person, organisation = read_person(folded, today), read_uscc(folded)
    if declared is not None:
        first, second = (person, organisation) if declared.kind is SubjectKind.PERSON else (organisation, person)
        return first if isinstance(first, Identifier) or isinstance(second, str) else second
    if isinstance(person, str):
        if isinstance(organisation, str):
            return person if _reports_person_fault(folded, person) else organisation
        return organisation
    if isinstance(organisation, str):
        return person
    return _likelier(person, organisation, today)


def _likelier(person: Identifier, organisation: Identifier, today: date) -> Identifier | str:
    """The likelier of two valid readings, or ``identifier_ambiguous``.

    By chance one resident number in 31 is also a valid credit code, and one all-digit credit code that begins with
    9 in eleven is also a valid foreigner's number: too many to refuse. The warnings of the two readings tell
    nearly all of them apart.
    """
    # A foreigner's number has the birth date at positions 7 to 14; without one it is a credit code.
    if person.type is IdType.FOREIGN_PERMANENT and not birth_possible(person.value[6:14], today):
        return organisation
    if bool(person.warnings) is bool(organisation.warnings):
        return "identifier_ambiguous"
    return organisation if person.warnings else person


def _reports_person_fault(folded: str, fault: str) -> bool:
    """Whether to report the fault of the person's reading when neither reading is valid."""
    return fault == "identifier_birth_date" or (folded[:17].isdigit() and folded[6:8] in CENTURIES)
