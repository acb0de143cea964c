"""The policy pack: which listing, in which scene, has which consequence, and by which article.

A pack is data (``config/policy/*.yaml``), loaded whole or not at all (``rules.policy.faults``). Every rule
whose scene and conditions hold fires; the strictest outcome wins; red counts only where nothing black does.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from types import MappingProxyType
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from rules.identity.identifiers import SubjectKind
from rules.listings.listing import Listing
from rules.vocabulary import Determination, ListColour, LockScope, Outcome, Role, Severity

ON_UNKNOWN = (Outcome.ALLOW, Outcome.REVIEW, Outcome.LOCK, Outcome.INTERCEPT)
"""What a scene may answer when the register cannot say."""
_RuleId = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9-]*$", max_length=64)]


class Basis(Struct, frozen=True, forbid_unknown_fields=True):
    """A place in the law: a document of the pack and an article of it."""

    document: str
    article: str


class Document(Struct, frozen=True, forbid_unknown_fields=True):
    """A document that rules cite."""

    title: str
    title_en: str


class Measure(Struct, frozen=True, forbid_unknown_fields=True):
    """A measure (惩戒措施) or an incentive (激励措施)."""

    text: str
    text_en: str
    basis: Basis


class Message(Struct, frozen=True, forbid_unknown_fields=True):
    """What the person at the window reads."""

    zh: Annotated[str, Meta(min_length=1)]
    en: Annotated[str, Meta(min_length=1)]


class Scene(Struct, frozen=True, forbid_unknown_fields=True):
    """A kind of transaction (场景), and what holds in it when the register cannot say."""

    title: str
    title_en: str
    owner: str
    """Who answers for these lines."""
    on_unknown: Outcome
    """The outcome at least, while what is known may not be all: one of ``ON_UNKNOWN``."""
    max_staleness: Annotated[int, Meta(ge=1, le=86_400 * 7)] = 300
    """Seconds after which a register that hears nothing is too old to rely on."""
    relies_on: tuple[str, ...] = ()
    """Authorities whose feed, when it is held or silent too long, makes the answer unknown."""
    weights: dict[Role, Outcome] = {}
    """The strictest outcome that a party in that role can bring upon the whole; absent: any."""
    lock_days: Annotated[int, Meta(ge=1, le=3660)] = 30
    """Days after which a lock that nobody decided on falls."""
    feedback_working_days: Annotated[int, Meta(ge=1, le=250)] = 5
    """Working days in which the platform reports what it did; then the answer counts as overdue."""
    ticket_minutes: Annotated[int, Meta(ge=1, le=60 * 24 * 60)] = 60
    """How long a clearance ticket may be used."""


@dataclass(frozen=True, slots=True)
class Transaction:
    """What a rule may ask about the transaction itself. ``amount`` is in yuan, ``region`` a code of GB/T 2260."""

    scene: str
    amount: float | None = None
    region: str | None = None


class When(Struct, frozen=True, forbid_unknown_fields=True):
    """Conditions on one listing of one party; an absent one always holds, all given ones must."""

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


class Then(Struct, frozen=True, forbid_unknown_fields=True):
    """The consequence: outcome, measures by code, what is said, and what else stays locked."""

    outcome: Outcome
    message: Message
    measures: tuple[str, ...] = ()
    lock: LockScope | None = None
    """``lock`` outcomes lock the transaction unless this says account; intercepts lock only what this says."""


class Rule(Struct, frozen=True, forbid_unknown_fields=True, rename={"from_day": "from"}):
    """One line of the policy. Its id appears unchanged in the answer and in the ledger."""

    id: _RuleId
    scenes: Annotated[tuple[str, ...], Meta(min_length=1)]
    when: When
    then: Then
    basis: Annotated[tuple[Basis, ...], Meta(min_length=1)]
    owner: str | None = None
    """Who answers for it; the pack's owner unless said."""
    from_day: date | None = None
    """The first day on which it holds (Asia/Shanghai)."""
    until: date | None = None
    """The last day on which it holds."""
    shadow: bool = False
    """Evaluated, counted and recorded, and changes nothing."""

    def holds_on(self, day: date) -> bool:
        """Whether it is in force on that day."""
        return (self.from_day is None or self.from_day <= day) and (self.until is None or day <= self.until)


class Precedence(Struct, frozen=True, forbid_unknown_fields=True):
    """How consequences are weighed against each other: said in the file, and the same in every file."""

    outcomes: tuple[Outcome, ...]
    red: Literal["only-without-black"]


class Pack(Struct, frozen=True, forbid_unknown_fields=True):
    """A whole policy."""

    pack: str
    version: str
    regime: str
    owner: str
    precedence: Precedence
    documents: dict[str, Document]
    scenes: Annotated[dict[str, Scene], Meta(min_length=1)]
    measures: dict[str, Measure]
    rules: Annotated[tuple[Rule, ...], Meta(min_length=1)]
    remedy: dict[str, str]


class Policy:
    """A pack ready for use: its rules by scene, and the digest of the file it came from."""

    def __init__(self, pack: Pack, digest: str) -> None:
        self.pack = pack
        self.digest = digest
        self._by_scene: Mapping[str, tuple[Rule, ...]] = {
            scene: tuple(rule for rule in pack.rules if scene in rule.scenes) for scene in pack.scenes
        }

    def rules_of(self, scene: str) -> tuple[Rule, ...]:
        """The rules of a scene in the order of the file. Raises ``KeyError`` for an unknown scene."""
        return self._by_scene[scene]

    @cached_property
    def facts_needed(self) -> Mapping[str, frozenset[str]]:
        """By scene, what its rules ask of the transaction: ``amount``, ``region``.

        A check must state them, or leaving one out would be a way past a rule.
        """
        needed = {}
        for scene, rules in self._by_scene.items():
            amount = any(r.when.amount_from is not None or r.when.amount_below is not None for r in rules)
            region = any(rule.when.regions is not None for rule in rules)
            needed[scene] = frozenset(["amount"] * amount + ["region"] * region)
        return MappingProxyType(needed)

    def cite(self, basis: Basis) -> str:
        """A basis as people read it."""
        return f"《{self.pack.documents[basis.document].title}》{basis.article}"

    @cached_property
    def named_json(self) -> bytes:
        """The same, as JSON."""
        return msgspec.json.encode(self.named)

    @cached_property
    def named(self) -> dict[str, str]:
        """How a decision names it."""
        return {"pack": self.pack.pack, "version": self.pack.version, "digest": self.digest}
