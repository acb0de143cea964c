"""What a decision (处置) consists of: one verdict for each party, and one for the transaction."""

from dataclasses import dataclass

from rules.listings.listing import Listing
from rules.policy.matching import Match
from rules.policy.pack import Rule
from rules.vocabulary import LockScope, Outcome


@dataclass(frozen=True, slots=True)
class PartyVerdict:
    """The verdict on one party."""

    outcome: Outcome
    matches: tuple[Match, ...] = ()
    """The matches that count for this party."""
    fired: tuple[Rule, ...] = ()
    """The rules whose conditions a match meets."""
    measures: tuple[str, ...] = ()
    """Codes of the measures that apply."""
    lock_grounds: tuple[tuple[LockScope, Listing], ...] = ()
    """What is to be locked, and the listing that the lock rests on."""
    notes: tuple[str, ...] = ()
    """Codes for the reader: ``subject_not_identified``, ``name_mismatch``, ``lock_released``."""
    weighted_outcome: Outcome = Outcome.ALLOW
    """What it contributes to the transaction: the outcome, capped by the weight of its role in this scene."""

    @property
    def listings(self) -> tuple[Listing, ...]:
        """The listings that count for this party."""
        return tuple(match.listing for match in self.matches)


@dataclass(frozen=True, slots=True)
class Shadow:
    """The outcome if the shadow rules counted, and the ids of those that fired."""

    outcome: Outcome
    rules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """The verdict on the transaction: the strictest of its parties."""

    outcome: Outcome
    parties: tuple[PartyVerdict, ...]
    measures: tuple[str, ...] = ()
    rules: tuple[Rule, ...] = ()
    """The rules that explain the outcome."""
    shadow: Shadow | None = None
    """None unless a shadow rule fired."""
