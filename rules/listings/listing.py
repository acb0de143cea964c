"""A listing as the register holds it: what a decision needs, and no identifier.

The subject is only in the keys it is filed under (``subject.SubjectKeys``); names and numbers stay in
the ledger.
"""

from datetime import date

import msgspec
from msgspec import Struct

from rules.vocabulary import DataClass, Determination, ListColour, ResponsibleRole, Severity


class Listing(Struct, frozen=True, omit_defaults=True):
    """One determination in force: one authority, one document, one subject."""

    key: str
    authority: str
    list: ListColour
    category: str
    severity: Severity
    determination: Determination
    data_class: DataClass
    document_no: str
    basis: str
    determined_on: date
    valid_until: date | None = None
    """The last day on which it counts, included (Asia/Shanghai)."""
    checked: bool = False
    """Whether its identifier had a check digit that held. Only then may it lock or intercept."""
    filed_by_number: bool = False
    """Whether it is filed under a whole number, not only under a name."""
    pattern: str = "*"
    """The number as far as it may be shown, ``*`` for a hidden character."""
    objection_open: bool = False
    """An objection is being examined; the listing counts meanwhile, and every decision says so."""
    flags: tuple[str, ...] = ()
    """How its last day came about (``rules.listings.validity``)."""
    origin: str | None = None
    """Key of the organisation's listing that this person answers for (办法二 Art. 26)."""
    origin_role: ResponsibleRole | None = None


def encode_listing(listing: Listing) -> bytes:
    """The register's form of a listing."""
    return msgspec.json.encode(listing)


_decoder = msgspec.json.Decoder(Listing)


def decode_listing(data: bytes) -> Listing:
    """The inverse of ``encode_listing``; raises ``msgspec.DecodeError`` on anything else."""
    return _decoder.decode(data)
