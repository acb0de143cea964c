"""Test cases kept beside a pack: given these listings in this scene, the policy must decide so."""

from datetime import date
from typing import Annotated, NamedTuple

from msgspec import Meta, Struct

from rules.identity.forms import SubjectKind
from rules.listings.listing import Listing
from rules.policy.condition import Transaction
from rules.policy.decision import decide
from rules.policy.matching import Match, PartyProfile
from rules.policy.pack import Policy
from rules.policy.unknown import apply_on_unknown
from rules.policy.verdict import Verdict
from rules.vocabulary import DataClass, Determination, ListColour, Outcome, Role, Severity


class ExampleListing(Struct, frozen=True, forbid_unknown_fields=True):
    """The fields of a listing that a policy reads."""

    list: ListColour
    category: str
    authority: str = "court"
    severity: Severity = Severity.SEVERE
    determination: Determination = Determination.LIST_DECISION
    objection_open: bool = False
    checked: bool = True
    """Whether the check digit of its number was verified."""
    certain: bool = True
    """Whether it was found by a whole number, not by a name or a masked number."""
    same_name: bool | None = None

    def match(self, number: int) -> Match:
        """The match that a check would have found. ``number`` makes its key unique within the example."""
        listing = Listing(
            key=f"{number:032x}",
            authority=self.authority,
            list=self.list,
            category=self.category,
            severity=self.severity,
            determination=self.determination,
            data_class=DataClass.PUBLIC,
            document_no="",
            basis="",
            determined_on=date.min,
            checked=self.checked,
            filed_by_number=self.certain,
            objection_open=self.objection_open,
        )
        return Match(listing, certain=self.certain, same_name=self.same_name)


class ExampleParty(Struct, frozen=True, forbid_unknown_fields=True):
    """One party and its listings."""

    role: Role = Role.APPLICANT
    kind: SubjectKind = SubjectKind.ORGANISATION
    identified: bool = True
    listings: tuple[ExampleListing, ...] = ()


class Expected(Struct, frozen=True, forbid_unknown_fields=True):
    """The expected decision; None: not compared."""

    outcome: Outcome
    measures: tuple[str, ...] | None = None
    rules: tuple[str, ...] | None = None
    locks: bool | None = None


class Example(Struct, frozen=True, forbid_unknown_fields=True):
    """One example. ``article`` cites the place in the law that it shows."""

    name: str
    scene: str
    given: Annotated[tuple[ExampleParty, ...], Meta(min_length=1)]
    expected: Expected
    article: str = ""
    amount: float | None = None
    region: str | None = None
    unknown: bool = False
    """Whether the register's data may be incomplete."""
    on: date | None = None
    """The day of the check; None: today."""


class Examples(Struct, frozen=True, forbid_unknown_fields=True):
    """The file of examples of one pack."""

    pack: str
    examples: tuple[Example, ...]


class ExampleResult(NamedTuple):
    """One example after its run."""

    example: Example
    differs: tuple[str, ...]
    """What differs from the expectation; empty when it passes."""
    fired: frozenset[str]
    """Ids of the rules that fired."""


def run_example(policy: Policy, example: Example, today: date) -> ExampleResult:
    """Run one example against a policy."""
    if example.scene not in policy.pack.scenes:
        return ExampleResult(example, (f"no scene {example.scene}",), frozenset())
    verdict = _verdict(policy, example, example.on or today)
    expected = example.expected
    locks = any(party.lock_grounds for party in verdict.parties)
    compared = (
        ("outcome", expected.outcome, verdict.outcome),
        ("measures", expected.measures, verdict.measures),
        ("rules", expected.rules, tuple(rule.id for rule in verdict.rules)),
        ("locks", expected.locks, locks),
    )
    differs = tuple(
        f"{name}: expected {_shown(wanted)}, found {_shown(found)}"
        for name, wanted, found in compared
        if wanted is not None and wanted != found
    )
    fired = frozenset(rule.id for party in verdict.parties for rule in party.fired)
    return ExampleResult(example, differs, fired)


def _verdict(policy: Policy, example: Example, day: date) -> Verdict:
    parties = [
        (
            PartyProfile(party.role, party.kind, party.identified),
            [listing.match(10 * place + number) for number, listing in enumerate(party.listings)],
        )
        for place, party in enumerate(example.given)
    ]
    verdict = decide(policy, Transaction(example.scene, example.amount, example.region), parties, day)
    return apply_on_unknown(verdict, policy.pack.scenes[example.scene]) if example.unknown else verdict


def _shown(value: object) -> str:
    return ", ".join(value) or "none" if isinstance(value, tuple) else str(value)
