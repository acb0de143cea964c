"""Which listings concern a party of a check (比对), how certainly, and which of them the caller may see.

A whole number identifies a subject. A masked number or a name does not: its matches are possible, never certain
(个人意见 三（一）：个人身份识别信息的唯一性).
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from msgspec import Struct

from rules.identity.forms import Identifier, SubjectKind
from rules.identity.masked import MaskedNumber
from rules.listings.listing import Listing
from rules.listings.validity import in_force
from rules.vocabulary import DataClass, Role


class PartyProfile(Struct, frozen=True, gc=False):
    """What the rules refer to in a party: its role, its kind, and whether a whole number identifies it."""

    role: Role
    kind: SubjectKind
    identified: bool


class Party(Struct, frozen=True, gc=False):
    """One subject of a check: its role, and the number and name that the caller gave."""

    role: Role
    number: Identifier | MaskedNumber | None
    name: str | None = None

    @property
    def profile(self) -> PartyProfile:
        """A party without a whole number counts as a natural person, the better protected kind."""
        if isinstance(self.number, Identifier):
            return PartyProfile(self.role, self.number.kind, identified=True)
        return PartyProfile(self.role, SubjectKind.PERSON, identified=False)


@dataclass(frozen=True, slots=True)
class Match:
    """A listing that is or may be this party's."""

    listing: Listing
    certain: bool
    """True when found by a whole number; False when found by a name or a masked number."""
    same_name: bool | None = None
    """Whether the listing carries the name that the caller gave; None when no name was given."""


PartyMatches = tuple[PartyProfile, Sequence[Match]]
"""One party and those of its matches that the caller may see."""


def matches_of(party: Party, by_number: Iterable[Listing], by_name: Iterable[Listing]) -> list[Match]:
    """The listings found under a party's keys that concern it: certain matches first, then possible ones.

    A listing found by name is a possible match only where the numbers cannot tell the two subjects apart: a
    whole number that differs from the listing's whole number is another subject of the same name.
    """
    named = list(by_name)
    names = {listing.key for listing in named}
    certain = [
        Match(listing, certain=True, same_name=listing.key in names if party.name else None) for listing in by_number
    ]
    found_by_number = {match.listing.key for match in certain}
    possible = [
        Match(listing, certain=False, same_name=True)
        for listing in named
        if listing.key not in found_by_number and _may_be_same(party.number, listing)
    ]
    return certain + possible


def _may_be_same(number: Identifier | MaskedNumber | None, listing: Listing) -> bool:
    match number:
        case None:
            return True
        case MaskedNumber():
            return number.compatible(listing.pattern)
        case Identifier():
            # If the listing had this subject's whole number, the look-up by number would have found it.
            return not listing.filed_by_number and MaskedNumber(listing.pattern).could_be(number.value)


def visible_matches(matches: Iterable[Match], visible: Collection[DataClass], today: date) -> list[Match]:
    """The matches in force on that day whose data class the caller may use (办法二 Art. 18, 27).

    All others are dropped before the decision, so they cannot change the answer.
    """
    return [m for m in matches if m.listing.data_class in visible and in_force(m.listing.valid_until, today)]
