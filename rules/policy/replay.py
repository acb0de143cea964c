"""A past decision in the form that can be decided again: what the register showed, without any identifier."""

from datetime import date

import msgspec
from msgspec import Struct

from rules.identity.forms import SubjectKind
from rules.listings.listing import Listing
from rules.policy.condition import Transaction
from rules.policy.decision import decide
from rules.policy.matching import Match, PartyProfile
from rules.policy.pack import Policy
from rules.policy.unknown import apply_on_unknown
from rules.policy.verdict import PartyVerdict
from rules.vocabulary import Outcome, Role


class PastMatch(Struct, frozen=True, omit_defaults=True):
    """One listing that counted, as it was then."""

    listing: Listing
    certain: bool
    same_name: bool | None = None


class PastParty(Struct, frozen=True, gc=False, omit_defaults=True):
    """One party: keys under the deployment's pepper, never a number or a name."""

    role: Role
    kind: SubjectKind
    identified: bool
    subject_key: str | None = None
    name_key: str | None = None
    matches: tuple[PastMatch, ...] = ()


class PastCheck(Struct, frozen=True, gc=False, omit_defaults=True):
    """One check as the ledger stores it."""

    scene: str
    outcome: Outcome
    """The outcome of the policy, before existing locks and releases were applied."""
    parties: tuple[PastParty, ...]
    amount: float | None = None
    region: str | None = None
    indeterminate: bool = False
    """True when data may have been missing (``rules.policy.unknown``)."""


def past_party(
    profile: PartyProfile, subject_key: str | None, name_key: str | None, verdict: PartyVerdict
) -> PastParty:
    """The stored form of a party and its matches."""
    matches = tuple(PastMatch(match.listing, match.certain, match.same_name) for match in verdict.matches)
    return PastParty(profile.role, profile.kind, profile.identified, subject_key, name_key, matches)


_decoder = msgspec.json.Decoder(PastCheck)


def encode_check(check: PastCheck) -> bytes:
    """The stored form of a check, JSON."""
    return msgspec.json.encode(check)


def decode_check(data: bytes) -> PastCheck:
    """The inverse of ``encode_check``; raises ``msgspec.DecodeError``."""
    return _decoder.decode(data)


def outcome_under(policy: Policy, check: PastCheck, day: date) -> Outcome | None:
    """The outcome under that policy on that day; None when the policy has no such scene."""
    if check.scene not in policy.pack.scenes:
        return None
    parties = [
        (
            PartyProfile(party.role, party.kind, party.identified),
            [Match(past.listing, past.certain, past.same_name) for past in party.matches],
        )
        for party in check.parties
    ]
    verdict = decide(policy, Transaction(check.scene, check.amount, check.region), parties, day)
    if check.indeterminate:
        verdict = apply_on_unknown(verdict, policy.pack.scenes[check.scene])
    return verdict.outcome
