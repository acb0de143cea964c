"""Examples kept beside a pack: given these listings in this scene, this is what must come of it."""

from datetime import date
from typing import Annotated, NamedTuple

from msgspec import Meta, Struct

from rules.identity.identifiers import SubjectKind
from rules.listings.listing import Listing
from rules.policy.decision import Match, Standing, Verdict, decide
from rules.policy.pack import Policy, Transaction
from rules.policy.unknown import under_doubt
from rules.vocabulary import DataClass, Determination, ListColour, Outcome, Role, Severity


class ListingGiven(Struct, frozen=True, forbid_unknown_fields=True):
    """What of a listing a policy looks at; the rest is of no consequence."""

    list: ListColour
    category: str
    authority: str = "court"
    severity: Severity = Severity.SEVERE
    determination: Determination = Determination.LIST_DECISION
    objection_open: bool = False
    checked: bool = True
    """Whether its number had a check digit that held."""
    certain: bool = True
    """Whether it was found by a whole number, not by a name or a masked number."""
    same_name: bool | None = None

    def match(self, number: int) -> Match:
        """As a check would have found it."""
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


class PartyGiven(Struct, frozen=True, forbid_unknown_fields=True):
    """One party and its listings."""

    role: Role = Role.APPLICANT
    kind: SubjectKind = SubjectKind.ORGANISATION
    identified: bool = True
    listings: tuple[ListingGiven, ...] = ()


class Expected(Struct, frozen=True, forbid_unknown_fields=True):
    """What must come of it; what is not said is not compared."""

    outcome: Outcome
    measures: tuple[str, ...] | None = None
    rules: tuple[str, ...] | None = None
    locks: bool | None = None


class Example(Struct, frozen=True, forbid_unknown_fields=True):
    """One example. ``article`` says which place in the law it shows."""

    name: str
    scene: str
    given: Annotated[tuple[PartyGiven, ...], Meta(min_length=1)]
    expected: Expected
    article: str = ""
    amount: float | None = None
    region: str | None = None
    unknown: bool = False
    """Whether the register cannot say all."""
    on: date | None = None
    """The day on which it is asked; today unless said."""


class Examples(Struct, frozen=True, forbid_unknown_fields=True):
    """The file of examples of one pack."""

    pack: str
    examples: tuple[Example, ...]


class Tried(NamedTuple):
    """One example and what differed; nothing when it came out as expected."""

    example: Example
    differs: tuple[str, ...]
    fired: frozenset[str]


def try_example(policy: Policy, example: Example, today: date) -> Tried:
    """Run one example through a policy."""
    if example.scene not in policy.pack.scenes:
        return Tried(example, (f"no scene {example.scene}",), frozenset())
    verdict = _verdict(policy, example, example.on or today)
    expected, differs = example.expected, []
    locks = any(party.locking for party in verdict.parties)
    for name, wanted, found in (
        ("outcome", expected.outcome, verdict.outcome),
        ("measures", expected.measures, verdict.measures),
        ("rules", expected.rules, tuple(rule.id for rule in verdict.rules)),
        ("locks", expected.locks, locks),
    ):
        if wanted is not None and wanted != found:
            differs.append(f"{name}: expected {_shown(wanted)}, found {_shown(found)}")
    fired = frozenset(rule.id for party in verdict.parties for rule in party.fired)
    return Tried(example, tuple(differs), fired)


def _verdict(policy: Policy, example: Example, day: date) -> Verdict:
    judged = [
        (
            Standing(party.role, party.kind, party.identified),
            [listing.match(10 * place + number) for number, listing in enumerate(party.listings)],
        )
        for place, party in enumerate(example.given)
    ]
    verdict = decide(policy, Transaction(example.scene, example.amount, example.region), judged, day)
    return under_doubt(verdict, policy.pack.scenes[example.scene]) if example.unknown else verdict


def _shown(value: object) -> str:
    return ", ".join(value) or "none" if isinstance(value, tuple) else str(value)
