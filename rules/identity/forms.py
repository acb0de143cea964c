"""The forms of a subject's number and their check digits.

======================  ======  =================================  ==========================
form                    length  layout                             check
======================  ======  =================================  ==========================
公民身份号码             18      region 6, birth 8, sequence 3, 1   GB 11643-1999, MOD 11-2
  its first generation  15      region 6, birth 6, sequence 3      none
港澳台居民居住证         18      as above, region 81/82/83 0000     GB 11643-1999, MOD 11-2
外国人永久居留身份证     18      first digit 9                      MOD 11-2
  its older form        15      3 letters, 12 digits               none
统一社会信用代码         18      1, 1, region 6, organisation 9, 1  GB 32100-2015, MOD 31
组织机构代码             9       8, 1                               GB 11714-1997, MOD 11
======================  ======  =================================  ==========================

Each ``read_*`` function takes folded text and returns an ``Identifier`` or a fault code (``rules.identity.faults``).
``stdnum.cn`` cannot replace them: it refuses births before the county existed, residence permits, and credit codes
that begin with N, A or Y.
"""

import re
from datetime import date
from enum import StrEnum
from operator import mul

from msgspec import Struct
from stdnum.iso7064 import mod_11_2, mod_11_10


class SubjectKind(StrEnum):
    """自然人, or 法人和非法人组织 (办法一 Art. 2)."""

    PERSON = "natural_person"
    ORGANISATION = "organisation"


class IdType(StrEnum):
    """The type of a number, as senders declare it."""

    USCC = "uscc"
    ORG_CODE = "org_code"
    RESIDENT_ID = "resident_id"
    RESIDENCE_PERMIT = "residence_permit"
    FOREIGN_PERMANENT = "foreign_permanent_resident"

    @property
    def kind(self) -> SubjectKind:
        """The kind of subject that has such a number."""
        organisations = (IdType.USCC, IdType.ORG_CODE)
        return SubjectKind.ORGANISATION if self in organisations else SubjectKind.PERSON


class Identifier(Struct, frozen=True, gc=False):
    """One whole number. ``canonical`` is the same for all spellings and forms of one subject's number."""

    type: IdType
    value: str
    canonical: str
    kind: SubjectKind
    checked: bool
    warnings: tuple[str, ...]

    def masked(self) -> str:
        """For display (GB/T 35273-2020): a person's number without the birth date, an organisation's in full."""
        if self.kind is SubjectKind.ORGANISATION:
            return self.value
        # The older letter form ends in day of birth, sequence and version: only the last two digits are not birth date.
        tail = 4 if len(self.value) == 18 else 2
        return self.value[:3] + "*" * (len(self.value) - 3 - tail) + self.value[-tail:]

    def __repr__(self) -> str:
        """For tracebacks and logs, which must not contain a whole number."""
        return f"Identifier({self.type}, {self.masked()})"


# GB/T 2260, first two digits. Others only warn: regions are abolished, and persons keep their numbers.
_FIRST_TWO = ((11, 15), (21, 23), (31, 37), (41, 46), (50, 54), (61, 65), (71, 71))
PROVINCES = frozenset(str(code) for first, last in _FIRST_TWO for code in range(first, last + 1))
PERMIT_REGIONS = frozenset({"810000", "820000", "830000"})
CENTURIES = frozenset({"18", "19", "20"})
CENTENARIANS = frozenset({"996", "997", "998", "999"})
"""Sequences of 15-digit numbers for persons born in 18xx."""
LENGTHS = {SubjectKind.PERSON: (15, 18), SubjectKind.ORGANISATION: (9, 18)}

USCC_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_USCC = re.compile(rf"[1-9ANY][{USCC_ALPHABET}]{{17}}")
_USCC_WEIGHTS = tuple(3**place % 31 for place in range(17))
_USCC_VALUES = bytes.maketrans(USCC_ALPHABET.encode(), bytes(range(len(USCC_ALPHABET))))
_ORG_CODE = re.compile(r"[0-9A-Z]{8}[0-9X]")
_ORG_WEIGHTS = (3, 7, 9, 10, 5, 8, 4, 2)
_ORG_VALUES = bytes.maketrans(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", bytes(range(36)))
_REGISTERED_IN = PROVINCES | {"10"}
"""10: registered with the State (国家)."""
_PERSON = re.compile(r"[0-9]{17}[0-9X]")
_OLD_FOREIGN = re.compile(r"[A-Z]{3}[0-9]{12}")
_OLD_RESIDENT = re.compile(r"[0-9]{15}")
# Up to this year of birth, 15 digits are more likely a registration number with leading zeros.
_OLDEST_USUAL_BIRTH_YEAR = 1920


def uscc_check(first_17: str) -> str:
    """The 18th character of a credit code (GB 32100-2015)."""
    total = sum(map(mul, first_17.encode().translate(_USCC_VALUES), _USCC_WEIGHTS))
    return USCC_ALPHABET[-total % 31]


def org_check(first_8: str) -> str:
    """The 9th character of an organisation code (GB 11714-1997): A is 10 to Z 35, no letter left out."""
    total = sum(map(mul, first_8.encode().translate(_ORG_VALUES), _ORG_WEIGHTS))
    return "0123456789X"[-total % 11]


def person_check(first_17: str) -> str:
    """The 18th character of a resident number (GB 11643-1999, ISO 7064 MOD 11-2)."""
    return str(mod_11_2.calc_check_digit(first_17))


def to_18_digits(old: str) -> str:
    """The 18-character form of a 15-digit number. Sequences 996 to 999 are reserved for births in 18xx."""
    first_17 = f"{old[:6]}{'18' if old[12:] in CENTENARIANS else '19'}{old[6:]}"
    return first_17 + person_check(first_17)


def birth_possible(digits: str, today: date) -> bool:
    """Whether eight digits are a possible birth date: a day from 1800 to today."""
    try:
        born = date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        return False
    return born.year >= 1800 and born <= today


def read_person(text: str, today: date) -> Identifier | str:
    """An 18-character number of a natural person."""
    if not _PERSON.fullmatch(text):
        return "identifier_characters"
    if person_check(text[:17]) != text[17]:
        return "identifier_check_digit"
    if text[0] == "9":
        # The layout differs from GB 11643, so no position is taken for the birth date.
        return _person(IdType.FOREIGN_PERMANENT, text)
    if not birth_possible(text[6:14], today):
        return "identifier_birth_date"
    if text[:2] in {permit[:2] for permit in PERMIT_REGIONS}:
        return _person(IdType.RESIDENCE_PERMIT, text, *_warn_unless(text[:6] in PERMIT_REGIONS, "region_unknown"))
    return _person(IdType.RESIDENT_ID, text, *_warn_unless(text[:2] in PROVINCES, "region_unknown"))


def read_15(text: str, today: date) -> Identifier | str:
    """A 15-character number: a first-generation resident number, or a foreigner's older form."""
    if _OLD_FOREIGN.fullmatch(text):
        return _person(IdType.FOREIGN_PERMANENT, text, checked=False)
    if not _OLD_RESIDENT.fullmatch(text):
        return "identifier_characters"
    value = to_18_digits(text)
    # Business registration numbers (GS 15-2006) have the same length and often stand in the same column.
    registration = mod_11_10.is_valid(text)
    if not birth_possible(value[6:14], today):
        return "identifier_registration_number" if registration else "identifier_birth_date"
    doubtful = registration and value[6:8] == "19" and int(value[6:10]) <= _OLDEST_USUAL_BIRTH_YEAR
    warnings = (
        *_warn_unless(text[:2] in PROVINCES, "region_unknown"),
        *_warn_unless(not doubtful, "may_be_registration_number"),
    )
    return _person(IdType.RESIDENT_ID, value, *warnings)


def read_uscc(text: str) -> Identifier | str:
    """A unified social credit code. A wrong region or organisation part only warns: both have known exceptions."""
    if not _USCC.fullmatch(text):
        return "identifier_characters"
    if uscc_check(text[:17]) != text[17]:
        return "identifier_check_digit"
    region_known = text[2:8].isdigit() and text[2:4] in _REGISTERED_IN
    warnings = (
        *_warn_unless(region_known, "region_unknown"),
        *_warn_unless(org_check(text[8:16]) == text[16], "organisation_check_digit"),
    )
    return Identifier(IdType.USCC, text, f"org:{text[8:17]}", SubjectKind.ORGANISATION, True, warnings)


def read_org_code(text: str) -> Identifier | str:
    """An organisation code, which is characters 9 to 17 of the credit code of the same subject."""
    if not _ORG_CODE.fullmatch(text):
        return "identifier_characters"
    if org_check(text[:8]) != text[8]:
        return "identifier_check_digit"
    return Identifier(IdType.ORG_CODE, text, f"org:{text}", SubjectKind.ORGANISATION, True, ())


def _person(id_type: IdType, value: str, *warnings: str, checked: bool = True) -> Identifier:
    return Identifier(id_type, value, f"person:{value}", SubjectKind.PERSON, checked, warnings)


def _warn_unless(known: bool, warning: str) -> tuple[str, ...]:
    return () if known else (warning,)
