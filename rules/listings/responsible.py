"""Who a feed record is about: the subject's number, and the persons responsible for an organisation (责任人员)."""

from collections.abc import Iterator
from datetime import date
from functools import lru_cache

from rules.calendar import years_after
from rules.identity.faults import InvalidIdentifierError
from rules.identity.forms import Identifier, IdType, SubjectKind
from rules.identity.identifiers import parse_identifier
from rules.identity.masked import MaskedNumber
from rules.identity.names import normalise_name
from rules.records.feed_record import ListRecord, Organisation, ResponsiblePerson
from rules.vocabulary import ResponsibleRole

_ADULT_AGE_YEARS = 18


def subject_number(record: ListRecord) -> Identifier | MaskedNumber:
    """The subject's number. Raises ``InvalidIdentifierError``."""
    return _parsed(record.subject.id, record.subject.id_type, record.determined_on)


@lru_cache(maxsize=1024)
def _parsed(text: str, id_type: IdType | None, day: date) -> Identifier | MaskedNumber:
    # Cached because the stream validates a batch of records and indexes the same records directly after.
    return parse_identifier(text, id_type, today=day)


def responsible_persons(record: ListRecord) -> Iterator[ResponsiblePerson]:
    """The responsible persons that the authority names (办法二 Art. 26), those with a number first.

    A legal representative who is given by name only, as a field of the organisation, comes last.
    """
    yield from sorted(record.responsible_persons, key=lambda person: person.id is None)
    if isinstance(record.subject, Organisation) and record.subject.legal_representative:
        named = {normalise_name(person.name) for person in record.responsible_persons}
        if normalise_name(record.subject.legal_representative) not in named:
            yield ResponsiblePerson(ResponsibleRole.LEGAL_REPRESENTATIVE, record.subject.legal_representative)


def person_number(person: ResponsiblePerson, day: date) -> Identifier | MaskedNumber | None:
    """A responsible person's number; None where it is missing, invalid or an organisation's."""
    if person.id is None:
        return None
    try:
        number = parse_identifier(person.id, person.id_type, today=day)
    except InvalidIdentifierError:
        return None
    return None if isinstance(number, Identifier) and number.kind is not SubjectKind.PERSON else number


def is_minor(number: Identifier, day: date) -> bool:
    """Whether the person was under 18 on that day and so without full legal capacity (办法二 Art. 2)."""
    birth = birth_date(number)
    return birth is not None and day < years_after(birth, _ADULT_AGE_YEARS)


def birth_date(number: Identifier) -> date | None:
    """The birth date in a resident identity number (GB 11643); None for any other number."""
    if number.type not in (IdType.RESIDENT_ID, IdType.RESIDENCE_PERMIT):
        return None
    digits = number.value[6:14]
    return date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
