"""From what somebody wrote to the number of one subject, or to a masked number that identifies nobody.

    text ─▶ fold ─▶ whole?  ─▶ the readers of its length ─▶ Identifier
                    masked? ─▶ MaskedNumber

The forms, their check digits and the faults are in ``identifier_forms``.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import msgspec

from rules.identity.faults import InvalidIdentifierError
from rules.identity.forms import (
    CENTENARIANS,
    CENTURIES,
    Identifier,
    IdType,
    SubjectKind,
    birth_possible,
    read_15,
    read_org_code,
    read_person,
    read_uscc,
)

__all__ = [
    "IdType",
    "Identifier",
    "InvalidIdentifierError",
    "MaskedNumber",
    "SubjectKind",
    "fold",
    "parse_identifier",
]

_LONGEST_TEXT = 256
_DECLARED = {known.value: known for known in IdType}
_LENGTHS = {SubjectKind.PERSON: (15, 18), SubjectKind.ORGANISATION: (9, 18)}
_FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
# Cyrillic and Greek letters and Roman numerals that input methods offer for X; × is left alone, since it
# is also written for a hidden character, and of those only these three are read.
_LOOK_ALIKES = dict.fromkeys(map(ord, "ХхΧχⅩⅹ"), "X") | dict.fromkeys(map(ord, "•·"), "*")
_FOLD = _FULL_WIDTH | _LOOK_ALIKES
_DASHES = "−─ー⁃"  # dashes that Unicode does not class as dashes
_ELLIPSIS_RUN = re.compile(r"\**…[*…]*")


def fold(text: str) -> str:
    """The text without spaces, invisible characters and dashes, in half width and upper case.

    The letter O stays O: where only 0 can stand the reader says so, rather than file another subject.
    """
    if text.isascii() and text.isalnum():
        return text.upper()
    kept = (c for c in text.translate(_FOLD) if not _is_filler(c))
    return "".join(c.upper() if c.isascii() else c for c in kept)


def _is_filler(c: str) -> bool:
    return c.isspace() or c in _DASHES or unicodedata.category(c) in ("Cf", "Pd")


@dataclass(frozen=True, slots=True)
class MaskedNumber:
    """A number of which some characters are hidden: "*" for each, "…" for a run of unknown length."""

    pattern: str

    def could_be(self, value: str) -> bool:
        """Whether this can be that whole number, in its present or its older form."""
        return self.compatible(value)

    def compatible(self, other_pattern: str) -> bool:
        """Whether one number fits both patterns."""
        other = _pattern_of(fold(other_pattern))
        # At most one side in its older form: two that were both shortened have lost what may differ.
        return any(_agree(self.pattern, form) for form in _written_forms(other)) or any(
            _agree(form, other) for form in _written_forms(self.pattern)
        )


def parse_identifier(text: str, id_type: str | None = None, *, today: date) -> Identifier | MaskedNumber:
    """The number that a text gives. Raises ``InvalidIdentifierError``.

    ``id_type`` is what the sender declares. It decides between a person and an organisation where the
    number allows both, and is refused where it names the wrong one of these; another type of the same
    kind of subject is the sender's slip, and warns.
    """
    declared = None if id_type is None else _DECLARED.get(id_type)
    if id_type is not None and declared is None:
        raise InvalidIdentifierError("identifier_type_unknown")
    if len(text) > _LONGEST_TEXT:
        raise InvalidIdentifierError("identifier_length")
    folded = fold(text)
    if not folded:
        raise InvalidIdentifierError("identifier_empty")
    hidden = "*" in folded or "…" in folded
    found = _masked(folded, declared) if hidden else _whole(folded, declared, today)
    if isinstance(found, str):
        raise InvalidIdentifierError(found)
    return found


def _masked(folded: str, declared: IdType | None) -> MaskedNumber | str:
    pattern = _pattern_of(folded)
    visible = pattern.replace("*", "").replace("…", "")
    if not visible:
        return "identifier_masked_whole"
    if not _is_plain(visible):
        return "identifier_characters"
    lengths = _LENGTHS[declared.kind] if declared else (9, 15, 18)
    fits = len(pattern) <= max(lengths) if "…" in pattern else len(pattern) in lengths
    return MaskedNumber(pattern) if fits else "identifier_length"


def _whole(folded: str, declared: IdType | None, today: date) -> Identifier | str:
    if not _is_plain(folded):
        return "identifier_characters"
    match len(folded):
        case 9:
            found = read_org_code(folded)
        case 15:
            found = read_15(folded, today)
        case 18:
            found = _eighteen(folded, declared, today)
        case _:
            return "identifier_length"
    if declared is None:
        return found
    if isinstance(found, str):
        return found if len(folded) in _LENGTHS[declared.kind] else "identifier_length"
    if found.kind is not declared.kind:
        return "identifier_type_mismatch"
    if found.type is not declared:
        return msgspec.structs.replace(found, warnings=(*found.warnings, "declared_type_differs"))
    return found


def _eighteen(folded: str, declared: IdType | None, today: date) -> Identifier | str:
    """Both readings of 18 characters: that of the declared kind first, else the one that passes."""
    person, organisation = read_person(folded, today), read_uscc(folded)
    if declared is not None:
        first, second = (person, organisation) if declared.kind is SubjectKind.PERSON else (organisation, person)
        return first if isinstance(first, Identifier) or isinstance(second, str) else second
    if isinstance(person, str):
        if isinstance(organisation, str):
            return person if _rather_person(folded, person) else organisation
        return organisation
    if isinstance(organisation, str):
        return person
    return _likelier(person, organisation, today)


def _likelier(person: Identifier, organisation: Identifier, today: date) -> Identifier | str:
    """Which of two readings that both pass is meant, or that nobody can tell without the type.

    Chance alone lets one resident number in 31 pass as a credit code, and one all-digit credit code from
    9 in eleven as a foreigner's number: far too many to refuse. What the other reading merely warns
    about tells nearly all of them apart.
    """
    # The layout of a foreigner's number puts the birth date at 7 to 14; without one it is a credit code.
    if person.type is IdType.FOREIGN_PERMANENT and not birth_possible(person.value[6:14], today):
        return organisation
    if bool(person.warnings) is bool(organisation.warnings):
        return "identifier_ambiguous"
    return organisation if person.warnings else person


def _rather_person(folded: str, fault: str) -> bool:
    """Whether the fault of the person's reading is the one to tell, when neither reading passes."""
    return fault == "identifier_birth_date" or (folded[:17].isdigit() and folded[6:8] in CENTURIES)


def _is_plain(text: str) -> bool:
    return text.isascii() and text.isalnum()


def _pattern_of(folded: str) -> str:
    return _ELLIPSIS_RUN.sub("…", folded)


def _written_forms(pattern: str) -> Iterator[str]:
    """The pattern, and for one of 18 characters the shorter number that the same subject may be given by."""
    yield pattern
    if len(pattern) != 18 or "…" in pattern:
        return
    nineteenth = any(_agree(pattern[14:17], sequence) for sequence in CENTENARIANS)
    if _agree(pattern[6:8], "19") or (nineteenth and _agree(pattern[6:8], "18")):
        yield pattern[:6] + pattern[8:17]
    if pattern[6:8] not in CENTURIES:
        yield pattern[8:17]


def _agree(one: str, other: str) -> bool:
    """Whether some text fits both patterns: walks through the pairs of places that can be reached."""
    # "~" stands for any number of characters, none included, so "…" is at least one.
    one, other = one.replace("…", "*~"), other.replace("…", "*~")
    seen: set[tuple[int, int]] = set()
    open_pairs = [(0, 0)]
    while open_pairs:
        i, j = pair = open_pairs.pop()
        if pair == (len(one), len(other)):
            return True
        if pair in seen:
            continue
        seen.add(pair)
        a, b = one[i : i + 1], other[j : j + 1]
        if "~" in (a, b):
            open_pairs += [(i + 1, j)] * bool(a) + [(i, j + 1)] * bool(b)
        elif a and b and (a == b or "*" in (a, b)):
            open_pairs.append((i + 1, j + 1))
    return False
