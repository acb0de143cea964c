"""A past decision as it can be decided again: what the register showed then, without any identifier."""

from datetime import date

import msgspec
from msgspec import Struct

from rules.identity.identifiers import SubjectKind
from rules.listings.listing import Listing
from rules.policy.decision import Match, PartyVerdict, Standing, decide
from rules.policy.pack import Policy, Transaction
from rules.policy.unknown import under_doubt
from rules.vocabulary import Outcome, Role


class PastMatch(Struct, frozen=True, omit_defaults=True):
    """One listing that counted, as it stood."""

    listing: Listing
    certain: bool
    same_name: bool | None = None


class PastParty(Struct, frozen=True, gc=False, omit_defaults=True):
    """One party of it: keys under the deployment's pepper, never a number or a name."""

    role: Role
    kind: SubjectKind
    identified: bool
    subject_key: str | None = None
    name_key: str | None = None
    matches: tuple[PastMatch, ...] = ()


class PastCheck(Struct, frozen=True, gc=False, omit_defaults=True):
    """What was asked and found."""

    scene: str
    outcome: Outcome
    """As judged, before any lock that was held already or released."""
    parties: tuple[PastParty, ...]
    amount: float | None = None
    region: str | None = None
    indeterminate: bool = False


def past_party(standing: Standing, subject_key: str | None, name_key: str | None, verdict: PartyVerdict) -> PastParty:
    """A party as the ledger keeps it."""
    matches = tuple(PastMatch(match.listing, match.certain, match.same_name) for match in verdict.matches)
    return PastParty(standing.role, standing.kind, standing.identified, subject_key, name_key, matches)


_decoder = msgspec.json.Decoder(PastCheck)


def encode_check(check: PastCheck) -> bytes:
    """Its form in the ledger."""
    return msgspec.json.encode(check)


def decode_check(data: bytes) -> PastCheck:
    """The inverse; raises ``msgspec.DecodeError``."""
    return _decoder.decode(data)


def outcome_under(policy: Policy, check: PastCheck, day: date) -> Outcome | None:
    """What that policy would have answered on that day; None where it has no such scene."""
    if check.scene not in policy.pack.scenes:
        return None
    judged = [
        (
            Standing(party.role, party.kind, party.identified),
            [Match(past.listing, past.certain, past.same_name) for past in party.matches],
        )
        for party in check.parties
    ]
    verdict = decide(policy, Transaction(check.scene, check.amount, check.region), judged, day)
    if check.indeterminate:
        verdict = under_doubt(verdict, policy.pack.scenes[check.scene])
    return verdict.outcome
