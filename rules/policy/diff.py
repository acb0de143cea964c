"""What changes between two packs: their parts, and every plain case that would come out otherwise."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from itertools import product
from typing import Any, NamedTuple

from rules.identity.identifiers import SubjectKind
from rules.policy.decision import Standing, decide
from rules.policy.examples import ListingGiven
from rules.policy.pack import Policy, Transaction, When
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
    """Cases that come out otherwise in one scene, and an example of them."""

    scene: str
    before: Outcome
    after: Outcome
    cases: int
    example: str


def part_diffs(old: Policy, new: Policy) -> list[PartDiff]:
    """What was added, removed and changed, kind by kind; kinds without a change are left out."""
    return [diff for kind in ("scenes", "measures", "documents", "rules") if any((diff := _parts(kind, old, new))[1:])]


def _parts(kind: str, old: Policy, new: Policy) -> PartDiff:
    before, after = _named(kind, old), _named(kind, new)
    return PartDiff(
        kind,
        tuple(name for name in after if name not in before),
        tuple(name for name in before if name not in after),
        tuple(name for name in after if name in before and after[name] != before[name]),
    )


def _named(kind: str, policy: Policy) -> Mapping[str, Any]:
    parts: Any = getattr(policy.pack, kind)
    return {rule.id: rule for rule in parts} if kind == "rules" else parts


def case_diffs(old: Policy, new: Policy, today: date) -> list[CaseDiff]:
    """Every case of one party with one listing, in the scenes of both packs, that comes out otherwise.

    Of each condition the values that a rule of either pack names are tried, and one that none names.
    """
    found: defaultdict[tuple[str, Outcome, Outcome], list[str]] = defaultdict(list)
    for scene in old.pack.scenes:
        if scene not in new.pack.scenes or _same(scene, old, new):
            continue
        for transaction in _transactions(scene, old, new):
            for standing, given in _cases(scene, old, new):
                before, after = (_outcome(policy, transaction, standing, given, today) for policy in (old, new))
                if before is not after:
                    found[scene, before, after].append(_told(transaction, standing, given))
    return [CaseDiff(*place, len(cases), cases[0]) for place, cases in found.items()]


def _same(scene: str, old: Policy, new: Policy) -> bool:
    return old.rules_of(scene) == new.rules_of(scene) and old.pack.scenes[scene] == new.pack.scenes[scene]


def _cases(scene: str, *policies: Policy) -> Iterator[tuple[Standing, ListingGiven]]:
    conditions = [rule.when for policy in policies for rule in policy.rules_of(scene)]
    weighed = {role for policy in policies for role in policy.pack.scenes[scene].weights}
    categories = _telling(conditions, "categories", [*BLACK_CATEGORIES]) + _telling(
        conditions, "categories", [*RED_CATEGORIES]
    )
    listings = [
        ListingGiven(ListColour.BLACK if category in BLACK_CATEGORIES else ListColour.RED, category, authority, *more)
        for category in categories
        for authority in _telling(conditions, "authorities", ["any other authority"])
        for more in product(Severity, Determination, (False, True))
    ]
    roles = sorted({*_telling(conditions, "roles", [*Role]), *weighed})
    for role, kind in product(roles, SubjectKind):
        yield from ((Standing(role, kind, identified=True), listing) for listing in listings)


def _telling(conditions: Sequence[When], name: str, known: Sequence[str]) -> list[Any]:
    """The values of a condition that some rule names, and one that none does."""
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


def _outcome(policy: Policy, transaction: Transaction, standing: Standing, given: ListingGiven, today: date) -> Outcome:
    return decide(policy, transaction, [(standing, [given.match(1)])], today).outcome


def _told(transaction: Transaction, standing: Standing, given: ListingGiven) -> str:
    words = [given.list, given.category, given.authority, given.severity, given.determination]
    words += [standing.role, standing.kind]
    words += ["objection open"] if given.objection_open else []
    words += [f"amount {transaction.amount:g}"] if transaction.amount is not None else []
    words += [f"region {transaction.region}"] if transaction.region is not None else []
    return ", ".join(words)
