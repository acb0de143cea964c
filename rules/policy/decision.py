"""The verdict on a transaction, from the listings of its parties.

    listings of a party ─▶ may the caller see it? ─▶ in force today? ─▶ same subject, how sure?
                       ─▶ rules of the scene ─▶ bounds of the law ─▶ weight of the role ─▶ strictest over all

What the caller may not see is gone before anything is judged, so it cannot move the answer.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date

from msgspec import Struct

from rules.identity.identifiers import Identifier, MaskedNumber, SubjectKind
from rules.listings.listing import Listing
from rules.listings.validity import in_force
from rules.policy.pack import Policy, Rule, Transaction
from rules.vocabulary import (
    DataClass,
    Determination,
    ListColour,
    LockScope,
    Outcome,
    Role,
    Severity,
    strictest,
)


class Standing(Struct, frozen=True, gc=False):
    """What the rules ask about a party: its role, its kind, and whether a whole number says who it is."""

    role: Role
    kind: SubjectKind
    identified: bool


class Party(Struct, frozen=True, gc=False):
    """One subject of a check: its role, and the number and name it was given with."""

    role: Role
    number: Identifier | MaskedNumber | None
    name: str | None = None

    @property
    def standing(self) -> Standing:
        """A party without a whole number is taken for a person, the more protected kind."""
        if isinstance(self.number, Identifier):
            return Standing(self.role, self.number.kind, identified=True)
        return Standing(self.role, SubjectKind.PERSON, identified=False)


@dataclass(frozen=True, slots=True)
class Match:
    """A listing that is or may be this party's."""

    listing: Listing
    certain: bool
    """True when found by a whole number; False when by name or by a masked number."""
    same_name: bool | None = None
    """Whether the register knows it under the name that was given; None when none was."""


@dataclass(frozen=True, slots=True)
class PartyVerdict:
    """What holds for one party."""

    outcome: Outcome
    matches: tuple[Match, ...] = ()
    """Those that counted."""
    fired: tuple[Rule, ...] = ()
    measures: tuple[str, ...] = ()
    locking: tuple[tuple[LockScope, Listing], ...] = ()
    notes: tuple[str, ...] = ()
    """Codes of what else a reader must know: ``subject_not_identified``, ``name_mismatch``, ``lock_released``."""
    weighed: Outcome = Outcome.ALLOW
    """What it brings upon the whole: its outcome, unless its role weighs less in this scene."""

    @property
    def listings(self) -> tuple[Listing, ...]:
        """The listings that counted."""
        return tuple(match.listing for match in self.matches)


@dataclass(frozen=True, slots=True)
class Shadow:
    """What would have been with the rules that are only tried, where one of them fired."""

    outcome: Outcome
    rules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What holds for the transaction: the strictest of its parties."""

    outcome: Outcome
    parties: tuple[PartyVerdict, ...]
    measures: tuple[str, ...] = ()
    rules: tuple[Rule, ...] = ()
    shadow: Shadow | None = None


Judged = Sequence[tuple[Standing, Sequence[Match]]]


def matches_of(party: Party, by_number: Iterable[Listing], by_name: Iterable[Listing]) -> list[Match]:
    """Which of the listings found under a party's keys concern it, and how surely.

    A listing found by name counts only where the numbers cannot tell the two apart: a whole number
    that differs from the listing's whole number is another subject of the same name.
    """
    named = list(by_name)
    names = {listing.key for listing in named}
    certain = [
        Match(listing, certain=True, same_name=listing.key in names if party.name else None) for listing in by_number
    ]
    seen = {match.listing.key for match in certain}
    possible = [
        Match(listing, certain=False, same_name=True)
        for listing in named
        if listing.key not in seen and _may_be_same(party.number, listing)
    ]
    return certain + possible


def _may_be_same(number: Identifier | MaskedNumber | None, listing: Listing) -> bool:
    match number:
        case None:
            return True
        case MaskedNumber():
            return number.compatible(listing.pattern)
        case Identifier():
            # A listing with a whole number that were this subject's would have been found by it.
            return not listing.filed_by_number and MaskedNumber(listing.pattern).could_be(number.value)


def visible_matches(matches: Iterable[Match], visible: Collection[DataClass], today: date) -> list[Match]:
    """Those that the caller may see and that are in force on that day: the rest is gone before it is judged."""
    return [m for m in matches if m.listing.data_class in visible and in_force(m.listing.valid_until, today)]


def decide(policy: Policy, transaction: Transaction, judged: Judged, today: date) -> Verdict:
    """The verdict of that policy on that day (Asia/Shanghai), from what the caller may see."""
    rules = tuple(rule for rule in policy.rules_of(transaction.scene) if rule.holds_on(today))
    verdict = _decide(policy, transaction, judged, tuple(rule for rule in rules if not rule.shadow))
    tried = {rule.id for rule in rules if rule.shadow}
    if not tried:
        return verdict
    other = _decide(policy, transaction, judged, rules)
    fired = dict.fromkeys(rule.id for party in other.parties for rule in party.fired if rule.id in tried)
    return replace(verdict, shadow=Shadow(other.outcome, tuple(fired))) if fired else verdict


def _decide(policy: Policy, transaction: Transaction, judged: Judged, rules: Sequence[Rule]) -> Verdict:
    weights = policy.pack.scenes[transaction.scene].weights
    parties = tuple(
        _weigh(_judge(standing, matches, rules, transaction), weights.get(standing.role, Outcome.INTERCEPT))
        for standing, matches in judged
    )
    outcome = strictest(*(party.weighed for party in parties))
    principals = [p for p, (standing, _) in zip(parties, judged, strict=True) if standing.role not in weights]
    if outcome is Outcome.ALLOW and principals and all(p.outcome is Outcome.FAST_TRACK for p in principals):
        # Who merely comes along neither earns nor spoils the faster way.
        outcome = Outcome.FAST_TRACK
    if outcome is Outcome.ALLOW:
        return Verdict(outcome, parties)
    colour = ListColour.RED if outcome is Outcome.FAST_TRACK else ListColour.BLACK
    speaking = [p for p in parties if any(rule.when.list is colour for rule in p.fired)]
    return Verdict(
        outcome,
        parties,
        measures=tuple(dict.fromkeys(code for p in speaking if p.weighed is p.outcome for code in p.measures)),
        rules=tuple({rule.id: rule for p in speaking for rule in p.fired}.values()),
    )


def _weigh(party: PartyVerdict, weight: Outcome) -> PartyVerdict:
    weighed = min(party.outcome, weight, key=lambda outcome: outcome.rank)
    return replace(party, weighed=weighed, locking=party.locking if weighed is party.outcome else ())


def _judge(
    standing: Standing, matches: Sequence[Match], rules: Sequence[Rule], transaction: Transaction
) -> PartyVerdict:
    """Black beats red; among black listings the strictest bounded consequence wins (办法一 Art. 4, 14)."""
    if not matches:
        return PartyVerdict(Outcome.ALLOW) if standing.identified else _not_identified(PartyVerdict(Outcome.ALLOW))
    black = [match for match in matches if match.listing.list is ListColour.BLACK]
    counted = black or [match for match in matches if match.certain]
    mismatch = _other_name(counted)
    outcomes: list[Outcome] = []
    fired: dict[str, Rule] = {}
    measures: list[str] = []
    locking: list[tuple[LockScope, Listing]] = []
    for match in counted:
        for rule in (r for r in rules if r.when.holds(match.listing, standing.kind, standing.role, transaction)):
            outcome = min(rule.then.outcome, bound(match), key=lambda o: o.rank)
            outcomes.append(outcome)
            fired[rule.id] = rule
            if outcome is not rule.then.outcome or mismatch:
                continue  # bounded by law: neither its measures nor its lock apply
            measures += rule.then.measures
            scope = rule.then.lock or (LockScope.TRANSACTION if outcome is Outcome.LOCK else None)
            if scope is not None:
                locking.append((scope, match.listing))
    outcome = strictest(*outcomes) if black else min(outcomes, key=lambda o: o.rank, default=Outcome.ALLOW)
    found = PartyVerdict(outcome, tuple(counted), tuple(fired.values()), tuple(measures), tuple(locking))
    if mismatch:
        # Whose number, or whose name, is wrong nobody knows: a person looks, neither block nor pass.
        found = replace(found, outcome=Outcome.REVIEW, notes=("name_mismatch",))
    return found if standing.identified else _not_identified(found)


def _other_name(counted: Sequence[Match]) -> bool:
    """Whether the register knows this number, and only under other names than the one given."""
    certain = [match.same_name for match in counted if match.certain]
    return bool(certain) and all(same is False for same in certain)


def _not_identified(party: PartyVerdict) -> PartyVerdict:
    """Nobody was identified, so nobody was found unlisted either."""
    notes = (*party.notes, "subject_not_identified")
    return replace(party, outcome=strictest(party.outcome, Outcome.REVIEW), notes=notes)


def bound(match: Match) -> Outcome:
    """The strictest outcome that the law allows for this evidence, whatever a policy file says.

    A penalty or a general discredit is no list decision of weight: it warns (办法一 Art. 14, 办法二 Art. 12).
    A number without a verified check digit, a masked number or a name identifies nobody: it reviews.
    """
    listing = match.listing
    if listing.list is ListColour.RED:
        return Outcome.ALLOW
    if listing.determination is Determination.ADMINISTRATIVE_PENALTY or listing.severity is Severity.GENERAL:
        return Outcome.WARN
    if not (match.certain and listing.checked):
        return Outcome.REVIEW
    return Outcome.INTERCEPT


def may_lock(listing: Listing) -> bool:
    """Whether a lock may rest on this listing at all, were its subject surely the same."""
    return listing.list is ListColour.BLACK and bound(Match(listing, certain=True)) is Outcome.INTERCEPT
