"""The conditions of a policy rule, and the facts of a transaction that they refer to."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta, Struct

from rules.identity.forms import SubjectKind
from rules.listings.listing import Listing
from rules.vocabulary import Determination, ListColour, Role, Severity


@dataclass(frozen=True, slots=True)
class Transaction:
    """The facts of a transaction. ``amount`` is in yuan, ``region`` a code of GB/T 2260."""

    scene: str
    amount: float | None = None
    region: str | None = None


class RuleCondition(Struct, frozen=True, forbid_unknown_fields=True):
    """Conditions on one listing of one party; all that are given must hold, an absent one always holds."""

    list: ListColour
    categories: frozenset[str] | None = None
    severities: frozenset[Severity] | None = None
    determinations: frozenset[Determination] | None = None
    authorities: frozenset[str] | None = None
    kinds: frozenset[SubjectKind] | None = None
    roles: frozenset[Role] | None = None
    objection_open: bool | None = None
    amount_from: Annotated[float, Meta(ge=0)] | None = None
    """The amount of the transaction is at least this many yuan."""
    amount_below: Annotated[float, Meta(gt=0)] | None = None
    """The amount of the transaction is less than this many yuan."""
    regions: frozenset[Annotated[str, Meta(pattern=r"^[0-9]{2,6}$")]] | None = None
    """The transaction's region begins with one of these."""

    def holds(self, listing: Listing, kind: SubjectKind, role: Role, transaction: Transaction) -> bool:
        """Whether this listing of a party of that kind and role meets every condition in that transaction."""
        return not any(True for _ in self.misses(listing, kind, role, transaction))

    def misses(self, listing: Listing, kind: SubjectKind, role: Role, transaction: Transaction) -> Iterable[str]:
        """The names of the conditions that do not hold."""
        if listing.list is not self.list:
            yield "list"
        for name, allowed, value in (
            ("categories", self.categories, listing.category),
            ("severities", self.severities, listing.severity),
            ("determinations", self.determinations, listing.determination),
            ("authorities", self.authorities, listing.authority),
            ("kinds", self.kinds, kind),
            ("roles", self.roles, role),
        ):
            if allowed is not None and value not in allowed:
                yield name
        if self.objection_open is not None and listing.objection_open is not self.objection_open:
            yield "objection_open"
        if self.amount_from is not None and not (transaction.amount or 0) >= self.amount_from:
            yield "amount_from"
        if self.amount_below is not None and not (transaction.amount or 0) < self.amount_below:
            yield "amount_below"
        if self.regions is not None and not (transaction.region or "").startswith(tuple(self.regions)):
            yield "regions"
