"""The verdict on a check from what the register shows. Pure: no I/O, no clock."""

from collections.abc import Collection, Sequence, Set
from datetime import date

from gateway.checks.lookup_keys import LookupKeys, PartyKeys
from gateway.checks.request import Check
from rules.policy.decision import decide
from rules.policy.matching import Match, Party, matches_of, visible_matches
from rules.policy.pack import Policy
from rules.policy.unknown import apply_on_unknown
from rules.policy.verdict import Verdict
from rules.vocabulary import DataClass
from store.register.reader import LookUp


def matches_in(lookup: LookupKeys, found: LookUp | None) -> list[list[Match]]:
    """The listings that concern each party, in the order of the parties; empty when the register was not read."""
    if found is None:
        return [[] for _ in lookup.check.parties]
    return [_matches(party, keys, found) for party, keys in zip(lookup.check.parties, lookup.party_keys, strict=True)]


def _matches(party: Party, keys: PartyKeys, found: LookUp) -> list[Match]:
    by_number, by_name = (found.listings.get(key, []) if key else [] for key in keys)
    return matches_of(party, by_number, by_name)


def judge(
    policy: Policy,
    check: Check,
    matches: Sequence[Sequence[Match]],
    data_classes: Collection[DataClass],
    today: date,
    excluded: Set[str] = frozenset(),
    *,
    unknown: bool,
) -> Verdict:
    """The verdict of that policy on that day (Asia/Shanghai), from listings of the classes that the caller may see.

    ``unknown`` says that data may be missing: no outcome is then milder than the scene's ``on_unknown``. ``excluded``
    are keys of listings that do not count.
    """
    parties = [
        (party.profile, visible_matches([m for m in found if m.listing.key not in excluded], data_classes, today))
        for party, found in zip(check.parties, matches, strict=True)
    ]
    verdict = decide(policy, check.transaction, parties, today)
    return apply_on_unknown(verdict, policy.pack.scenes[check.scene]) if unknown else verdict
