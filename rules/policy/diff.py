"""What changes between two packs: their parts, and the outcome of every simple case."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from itertools import product
from typing import Any, NamedTuple

from rules.identity.forms import SubjectKind
from rules.policy.condition import RuleCondition, Transaction
from rules.policy.decision import decide
from rules.policy.examples import ExampleListing
from rules.policy.matching import PartyProfile
from rules.policy.pack import Policy
from rules.vocabulary import (
    BLACK_CATEGORIES,
    RED_CATEGORIES,
    Determination,
    ListColour,
    Outcome,
    Role,
    Severity,
)


class PartDiff(NamedTuple):
    """Names of one kind of part: added, removed, changed."""

    kind: str
    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]


class CaseDiff(NamedTuple):
    """The number of cases of one scene with the same change of outcome, and one of them in words."""

    scene: str
    before: Outcome
    after: Outcome
    cases: int
    example: str


def part_diffs(old: Policy, new: Policy) -> list[PartDiff]:
    """What was added, removed and changed, kind by kind; kinds without a change are left out."""
    return [
        diff for kind in ("scenes", "measures", "documents", "rules") if any((diff := _part_diff(kind, old, new))[1:])
    ]


def _part_diff(kind: str, old: Policy, new: Policy) -> PartDiff:
    before, after = _parts_by_name(kind, old), _parts_by_name(kind, new)
    return PartDiff(
        kind,
        tuple(name for name in after if name not in before),
        tuple(name for name in before if name not in after),
        tuple(name for name in after if name in before and after[name] != before[name]),
    )


def _parts_by_name(kind: str, policy: Policy) -> Mapping[str, object]:
    if kind == "rules":
        return {rule.id: rule for rule in policy.pack.rules}
    parts: Mapping[str, object] = getattr(policy.pack, kind)
    return parts


def case_diffs(old: Policy, new: Policy, today: date) -> list[CaseDiff]:
    """Every case of one party with one listing, in the scenes of both packs, whose outcome changes.

    For each condition it tries the values that a rule of either pack names, and one that no rule names.
    """
    changed: defaultdict[tuple[str, Outcome, Outcome], list[str]] = defaultdict(list)
    for scene in old.pack.scenes:
        if scene not in new.pack.scenes or _is_unchanged(scene, old, new):
            continue
        for transaction in _transactions(scene, old, new):
            for profile, listing in _cases(scene, old, new):
                before, after = (_outcome(policy, transaction, profile, listing, today) for policy in (old, new))
                if before is not after:
                    changed[scene, before, after].append(_described(transaction, profile, listing))
    return [CaseDiff(*change, len(cases), cases[0]) for change, cases in changed.items()]


def _is_unchanged(scene: str, old: Policy, new: Policy) -> bool:
    return old.rules_of(scene) == new.rules_of(scene) and old.pack.scenes[scene] == new.pack.scenes[scene]


def _cases(scene: str, *policies: Policy) -> Iterator[tuple[PartyProfile, ExampleListing]]:
    conditions = [rule.when for policy in policies for rule in policy.rules_of(scene)]
    weighted = {role for policy in policies for role in policy.pack.scenes[scene].weights}
    categories = _representative(conditions, "categories", [*BLACK_CATEGORIES]) + _representative(
        conditions, "categories", [*RED_CATEGORIES]
    )
    listings = [
        ExampleListing(ListColour.BLACK if category in BLACK_CATEGORIES else ListColour.RED, category, authority, *more)
        for category in categories
        for authority in _representative(conditions, "authorities", ["any other authority"])
        for more in product(Severity, Determination, (False, True))
    ]
    roles = sorted({*_representative(conditions, "roles", [*Role]), *weighted})
    for role, kind in product(roles, SubjectKind):
        yield from ((PartyProfile(role, kind, identified=True), listing) for listing in listings)


def _representative(conditions: Sequence[RuleCondition], name: str, known: Sequence[str]) -> list[Any]:
    """The values of a condition that some rule names, and one that no rule names."""
    named = {value for when in conditions for value in getattr(when, name) or ()}
    others = [value for value in known if value not in named]
    return [value for value in known if value in named] + sorted(named - {*known}) * (name != "categories") + others[:1]


def _transactions(scene: str, *policies: Policy) -> list[Transaction]:
    amounts: set[float | None] = {None}
    regions: set[str | None] = {None}
    for rule in (rule for policy in policies for rule in policy.rules_of(scene)):
        amounts |= {rule.when.amount_from, rule.when.amount_below}
        regions |= rule.when.regions or frozenset()
    return [Transaction(scene, amount, region) for amount, region in product(amounts, regions)]


def _outcome(
    policy: Policy, transaction: Transaction, profile: PartyProfile, listing: ExampleListing, today: date
) -> Outcome:
    return decide(policy, transaction, [(profile, [listing.match(1)])], today).outcome


def _described(transaction: Transaction, profile: PartyProfile, listing: ExampleListing) -> str:
    words = [listing.list, listing.category, listing.authority, listing.severity, listing.determination]
    words += [profile.role, profile.kind]
    words += ["objection open"] if listing.objection_open else []
    words += [f"amount {transaction.amount:g}"] if transaction.amount is not None else []
    words += [f"region {transaction.region}"] if transaction.region is not None else []
    return ", ".join(words)
