"""A listing (名单记录) as the register stores it: what a decision needs, without any identifier.

Only the register's keys lead from a subject to its listings (``rules.identity.subject``); names and numbers stay in
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
    """Whether the check digit of its number was verified. Only then may it lock or intercept."""
    filed_by_number: bool = False
    """Whether it is indexed by a whole number, not only by a name."""
    pattern: str = "*"
    """The number as it may be shown, ``*`` for a hidden character."""
    objection_open: bool = False
    """An objection is pending; the listing still counts, and every decision reports the objection."""
    flags: tuple[str, ...] = ()
    """How its last day was determined (``rules.listings.validity``)."""
    origin: str | None = None
    """For a derived listing: key of the organisation's listing that this person answers for (办法二 Art. 26)."""
    origin_role: ResponsibleRole | None = None


def encode_listing(listing: Listing) -> bytes:
    """The stored form of a listing, JSON."""
    return msgspec.json.encode(listing)


_decoder = msgspec.json.Decoder(Listing)


def decode_listing(data: bytes) -> Listing:
    """The inverse of ``encode_listing``; raises ``msgspec.DecodeError`` on anything else."""
    return _decoder.decode(data)
