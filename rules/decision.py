"""The verdict on a transaction, from the listings of its parties.

    listings of a party ─▶ may the caller see it? ─▶ in force today? ─▶ same subject, how sure?
                       ─▶ rules of the scene ─▶ bounds of the law ─▶ strictest over all

What the caller may not see is gone before anything is judged, so it cannot move the answer.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from rules.identifiers import Identifier, MaskedNumber, SubjectKind
from rules.listing import Listing
from rules.policy import Policy, Rule
from rules.validity import in_force
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


@dataclass(frozen=True, slots=True)
class Party:
    """One subject of a check: its role, and the number and name it was given with."""

    role: Role
    number: Identifier | MaskedNumber | None
    name: str | None = None

    @property
    def kind(self) -> SubjectKind:
        """Kind of subject; a party without a whole number is taken for a person, the more protected kind."""
        return self.number.kind if isinstance(self.number, Identifier) else SubjectKind.PERSON


@dataclass(frozen=True, slots=True)
class Match:
    """A listing that is or may be this party's."""

    listing: Listing
    certain: bool
    """True when found by a whole number; False when by name or by a masked number."""


@dataclass(frozen=True, slots=True)
class PartyVerdict:
    """What holds for one party."""

    party: Party
    outcome: Outcome
    listings: tuple[Listing, ...] = ()
    fired: tuple[Rule, ...] = ()
    measures: tuple[str, ...] = ()
    locking: tuple[tuple[LockScope, Listing], ...] = ()
    notes: tuple[str, ...] = ()
    """Codes of what else a reader must know: ``subject_not_identified``, ``lock_released``."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What holds for the transaction: the strictest of its parties."""

    outcome: Outcome
    parties: tuple[PartyVerdict, ...]
    measures: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()


def matches_of(party: Party, by_number: Iterable[Listing], by_name: Iterable[Listing]) -> list[Match]:
    """Which of the listings found under a party's keys concern it, and how surely.

    A listing found by name counts only where the numbers cannot tell the two apart: a whole number
    that differs from the listing's whole number is another subject of the same name.
    """
    certain = [Match(listing, certain=True) for listing in by_number]
    seen = {match.listing.key for match in certain}
    possible = [
        Match(listing, certain=False)
        for listing in by_name
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


def decide(
    policy: Policy,
    scene: str,
    parties: Sequence[tuple[Party, Sequence[Match]]],
    *,
    visible: Collection[DataClass],
    today: date,
) -> Verdict:
    """The verdict of that policy on that day (Asia/Shanghai) for a caller who may see those data classes."""
    rules = policy.rules_of(scene)
    verdicts = tuple(
        _judge(party, [m for m in matches if _counts(m.listing, visible, today)], rules) for party, matches in parties
    )
    outcome = strictest(*(verdict.outcome for verdict in verdicts))
    if outcome is Outcome.ALLOW:
        return Verdict(outcome, verdicts)
    colour = ListColour.RED if outcome is Outcome.FAST_TRACK else ListColour.BLACK
    speaking = [v for v in verdicts if any(rule.when.list is colour for rule in v.fired)]
    return Verdict(
        outcome,
        verdicts,
        measures=tuple(dict.fromkeys(code for v in speaking for code in v.measures)),
        rules=tuple(dict.fromkeys(rule.id for v in speaking for rule in v.fired)),
    )


def _counts(listing: Listing, visible: Collection[DataClass], today: date) -> bool:
    return listing.data_class in visible and in_force(listing.valid_until, today)


def _judge(party: Party, matches: Sequence[Match], rules: Sequence[Rule]) -> PartyVerdict:
    """Black beats red; among black listings the strictest bounded consequence wins (办法一 Art. 4, 14)."""
    black = [match for match in matches if match.listing.list is ListColour.BLACK]
    counted = black or [match for match in matches if match.certain]
    outcomes: list[Outcome] = []
    fired: dict[str, Rule] = {}
    measures: list[str] = []
    locking: list[tuple[LockScope, Listing]] = []
    for match in counted:
        for rule in (r for r in rules if r.when.holds(match.listing, party.kind, party.role)):
            outcome = min(rule.then.outcome, bound(match), key=lambda o: o.rank)
            outcomes.append(outcome)
            fired[rule.id] = rule
            if outcome is not rule.then.outcome:
                continue  # bounded by law: neither its measures nor its lock apply
            measures += rule.then.measures
            scope = rule.then.lock or (LockScope.TRANSACTION if outcome is Outcome.LOCK else None)
            if scope is not None:
                locking.append((scope, match.listing))
    outcome = strictest(*outcomes) if black else min(outcomes, key=lambda o: o.rank, default=Outcome.ALLOW)
    notes: tuple[str, ...] = ()
    if not isinstance(party.number, Identifier):
        # Nobody was identified, so nobody was found unlisted either.
        outcome, notes = strictest(outcome, Outcome.REVIEW), ("subject_not_identified",)
    listings = tuple(match.listing for match in counted)
    return PartyVerdict(party, outcome, listings, tuple(fired.values()), tuple(measures), tuple(locking), notes)


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
