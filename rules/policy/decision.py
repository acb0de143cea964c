"""The verdict on a transaction (处置), from the visible matches of its parties.

    matches_of ─▶ visible_matches ─▶ decide ─▶ Verdict            (the first two in ``matching``)
                                       │
                                       ├─ rules of the scene that are in force today
                                       ├─ _judge:   black before red, each consequence within the legal limit
                                       ├─ _capped:  at most what the party's role weighs in this scene
                                       └─ _combine: the strictest party decides

Implements 办法一 Art. 4 (black before red), Art. 13 and 14 (incentives and discipline follow the lists), and
个人意见 五（二）（自动锁定、自动拦截). Which measure applies is data: ``rules.policy.pack``.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date
from typing import NamedTuple

from rules.listings.listing import Listing
from rules.policy.condition import Transaction
from rules.policy.matching import Match, PartyMatches, PartyProfile
from rules.policy.pack import Policy, Rule
from rules.policy.verdict import PartyVerdict, Shadow, Verdict
from rules.vocabulary import Determination, ListColour, LockScope, Outcome, Severity, strictest


def decide(policy: Policy, transaction: Transaction, parties: Sequence[PartyMatches], today: date) -> Verdict:
    """The verdict of the policy on that day (Asia/Shanghai), from matches that the caller may see.

    Shadow rules do not change it: ``Verdict.shadow`` says what they would have changed.
    """
    rules = [rule for rule in policy.rules_of(transaction.scene) if rule.holds_on(today)]
    verdict = _verdict(policy, transaction, parties, [rule for rule in rules if not rule.shadow])
    shadow_ids = {rule.id for rule in rules if rule.shadow}
    if not shadow_ids:
        return verdict
    trial = _verdict(policy, transaction, parties, rules)
    fired = dict.fromkeys(rule.id for party in trial.parties for rule in party.fired if rule.id in shadow_ids)
    return replace(verdict, shadow=Shadow(trial.outcome, tuple(fired))) if fired else verdict


def _verdict(
    policy: Policy, transaction: Transaction, parties: Sequence[PartyMatches], rules: Sequence[Rule]
) -> Verdict:
    weights = policy.pack.scenes[transaction.scene].weights
    verdicts = tuple(
        _capped(_judge(profile, matches, rules, transaction), weights.get(profile.role, Outcome.INTERCEPT))
        for profile, matches in parties
    )
    principals = [party for party, (profile, _) in zip(verdicts, parties, strict=True) if profile.role not in weights]
    return _combine(verdicts, principals)


# One party.


class _Consequence(NamedTuple):
    """One rule that fires for one match, and its outcome within the legal limit."""

    match: Match
    rule: Rule
    outcome: Outcome

    @property
    def in_full(self) -> bool:
        """Whether the legal limit left the rule's outcome as it is; otherwise neither measure nor lock applies."""
        return self.outcome is self.rule.then.outcome


def _judge(
    profile: PartyProfile, matches: Sequence[Match], rules: Sequence[Rule], transaction: Transaction
) -> PartyVerdict:
    verdict = _judge_matches(profile, matches, rules, transaction) if matches else PartyVerdict(Outcome.ALLOW)
    if profile.identified:
        return verdict
    # Without a whole number no search can show that the party is not listed.
    notes = (*verdict.notes, "subject_not_identified")
    return replace(verdict, outcome=strictest(verdict.outcome, Outcome.REVIEW), notes=notes)


def _judge_matches(
    profile: PartyProfile, matches: Sequence[Match], rules: Sequence[Rule], transaction: Transaction
) -> PartyVerdict:
    """Black before red (办法一 Art. 4); the strictest discipline (Art. 14), or the best incentive (Art. 13), wins."""
    black = [match for match in matches if match.listing.list is ListColour.BLACK]
    counted = black or [match for match in matches if match.certain]
    consequences = [
        _Consequence(match, rule, _mildest(rule.then.outcome, legal_limit(match)))
        for match in counted
        for rule in rules
        if rule.when.holds(match.listing, profile.kind, profile.role, transaction)
    ]
    fired = tuple({each.rule.id: each.rule for each in consequences}.values())
    if _name_mismatch(counted):
        # The number or the name is wrong, and the data cannot say which: a person reviews, nothing else applies.
        return PartyVerdict(Outcome.REVIEW, tuple(counted), fired, notes=("name_mismatch",))
    outcomes = [each.outcome for each in consequences]
    effective = [each for each in consequences if each.in_full]
    return PartyVerdict(
        strictest(*outcomes) if black else _mildest(*outcomes),
        tuple(counted),
        fired,
        measures=tuple(code for each in effective for code in each.rule.then.measures),
        lock_grounds=tuple(_lock_grounds(effective)),
    )


def _lock_grounds(consequences: Iterable[_Consequence]) -> Iterator[tuple[LockScope, Listing]]:
    for match, rule, outcome in consequences:
        scope = rule.then.lock or (LockScope.TRANSACTION if outcome is Outcome.LOCK else None)
        if scope is not None:
            yield scope, match.listing


def _name_mismatch(matches: Sequence[Match]) -> bool:
    """Whether every certain match carries another name than the one given."""
    certain = [match.same_name for match in matches if match.certain]
    return bool(certain) and all(same is False for same in certain)


def _capped(party: PartyVerdict, weight: Outcome) -> PartyVerdict:
    """The verdict with its weighted outcome; a capped party locks nothing."""
    weighted = _mildest(party.outcome, weight)
    return replace(
        party, weighted_outcome=weighted, lock_grounds=party.lock_grounds if weighted is party.outcome else ()
    )


def _mildest(*outcomes: Outcome) -> Outcome:
    return min(outcomes, key=lambda outcome: outcome.rank, default=Outcome.ALLOW)


# All parties together.


def _combine(parties: tuple[PartyVerdict, ...], principals: Sequence[PartyVerdict]) -> Verdict:
    """The strictest weighted outcome, with the measures and rules of the parties that it rests on."""
    outcome = strictest(*(party.weighted_outcome for party in parties))
    if outcome is Outcome.ALLOW and principals and all(p.outcome is Outcome.FAST_TRACK for p in principals):
        # A party whose role is weighted in this scene neither earns nor prevents the fast track.
        outcome = Outcome.FAST_TRACK
    if outcome is Outcome.ALLOW:
        return Verdict(outcome, parties)
    colour = ListColour.RED if outcome is Outcome.FAST_TRACK else ListColour.BLACK
    decisive = [party for party in parties if any(rule.when.list is colour for rule in party.fired)]
    in_full = [party for party in decisive if party.weighted_outcome is party.outcome]
    return Verdict(
        outcome,
        parties,
        measures=tuple(dict.fromkeys(code for party in in_full for code in party.measures)),
        rules=tuple({rule.id: rule for party in decisive for rule in party.fired}.values()),
    )


# The limits of the law, which no policy file can exceed.


def legal_limit(match: Match) -> Outcome:
    """The strictest outcome that the law allows for this evidence.

    The measures of 办法一 Art. 14 presuppose a black list: a penalty (办法二 Art. 12（九）) or a general discredit
    warns at most. A masked number, a name, or a number whose check digit was not verified identifies no subject:
    it reviews at most.
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
    """Whether a lock may rest on this listing, given a certain match."""
    return listing.list is ListColour.BLACK and legal_limit(Match(listing, certain=True)) is Outcome.INTERCEPT
