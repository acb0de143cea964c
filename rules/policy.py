"""The policy pack: which listing, in which scene, has which consequence, and by which article.

A pack is data (``config/policy/*.yaml``). It is loaded whole or not at all; a rule without a basis,
a scene without an answer, or a reference into nothing refuses the pack.
"""

from collections.abc import Iterator
from hashlib import sha256
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from rules.identifiers import SubjectKind
from rules.listing import Listing
from rules.vocabulary import Determination, ListColour, LockScope, Outcome, Role, Severity


class PolicyFault(ValueError):
    """The pack cannot be used. The message says where and why."""


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


class Scene(Struct, frozen=True, forbid_unknown_fields=True):
    """A kind of transaction (场景)."""

    title: str
    title_en: str


class When(Struct, frozen=True, forbid_unknown_fields=True):
    """Conditions on one listing of one party; an absent one always holds, all given ones must."""

    list: ListColour
    categories: frozenset[str] | None = None
    severities: frozenset[Severity] | None = None
    determinations: frozenset[Determination] | None = None
    authorities: frozenset[str] | None = None
    kinds: frozenset[SubjectKind] | None = None
    roles: frozenset[Role] | None = None

    def holds(self, listing: Listing, kind: SubjectKind, role: Role) -> bool:
        """Whether this listing of a party of that kind and role meets every condition."""
        return listing.list is self.list and all(
            allowed is None or value in allowed
            for allowed, value in (
                (self.categories, listing.category),
                (self.severities, listing.severity),
                (self.determinations, listing.determination),
                (self.authorities, listing.authority),
                (self.kinds, kind),
                (self.roles, role),
            )
        )


class Then(Struct, frozen=True, forbid_unknown_fields=True):
    """The consequence: outcome, measures by code, and what else stays locked."""

    outcome: Outcome
    measures: tuple[str, ...] = ()
    lock: LockScope | None = None
    """``lock`` outcomes lock the transaction unless this says account; intercepts lock only what this says."""


class Rule(Struct, frozen=True, forbid_unknown_fields=True):
    """One line of the policy. Its id appears unchanged in the answer and in the ledger."""

    id: Annotated[str, Meta(pattern=r"^[a-z][a-z0-9-]*$")]
    scenes: Annotated[tuple[str, ...], Meta(min_length=1)]
    when: When
    then: Then
    basis: Annotated[tuple[Basis, ...], Meta(min_length=1)]


class Pack(Struct, frozen=True, forbid_unknown_fields=True):
    """A whole policy: every rule that fires counts, and the strictest outcome wins."""

    pack: str
    version: str
    regime: str
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
        self._by_scene = {scene: tuple(rule for rule in pack.rules if scene in rule.scenes) for scene in pack.scenes}

    def rules_of(self, scene: str) -> tuple[Rule, ...]:
        """The rules of a scene in the order of the file. Raises ``KeyError`` for an unknown scene."""
        return self._by_scene[scene]

    def cite(self, basis: Basis) -> str:
        """A basis as people read it."""
        return f"《{self.pack.documents[basis.document].title}》{basis.article}"


def policy_from(value: Any, source: bytes) -> Policy:  # noqa: ANN401 - whatever YAML holds
    """A policy from decoded YAML and the bytes it was decoded from. Raises ``PolicyFault``."""
    try:
        pack = msgspec.convert(value, Pack)
    except msgspec.ValidationError as error:
        raise PolicyFault(str(error)) from None
    faults = list(_faults(pack))
    if faults:
        raise PolicyFault("; ".join(faults))
    return Policy(pack, sha256(source).hexdigest()[:16])


def _faults(pack: Pack) -> Iterator[str]:
    yield from _dangling(pack)
    identifiers = [rule.id for rule in pack.rules]
    yield from (f"rule {name}: the id stands twice" for name in sorted({*identifiers}) if identifiers.count(name) > 1)
    for rule in pack.rules:
        yield from (f"rule {rule.id}: no scene {scene}" for scene in rule.scenes if scene not in pack.scenes)
        blocks = rule.then.outcome.rank >= Outcome.LOCK.rank
        if rule.when.list is ListColour.RED and rule.then.outcome.rank > Outcome.ALLOW.rank:
            yield f"rule {rule.id}: a red listing can only help"
        if blocks and not rule.then.measures:
            yield f"rule {rule.id}: a block must name the measure it carries out"
        if rule.then.lock is not None and not blocks:
            yield f"rule {rule.id}: only lock and intercept may lock"
    for scene in pack.scenes:
        for colour in ListColour:
            if not any(scene in r.scenes and r.when == When(list=colour) for r in pack.rules):
                yield f"scene {scene}: no last rule for every {colour} listing"


def _dangling(pack: Pack) -> Iterator[str]:
    for code, measure in pack.measures.items():
        if measure.basis.document not in pack.documents:
            yield f"measure {code}: no document {measure.basis.document}"
    for rule in pack.rules:
        for basis in rule.basis:
            if basis.document not in pack.documents:
                yield f"rule {rule.id}: no document {basis.document}"
        for code in rule.then.measures:
            if code not in pack.measures:
                yield f"rule {rule.id}: no measure {code}"
