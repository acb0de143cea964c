"""The verdict: the table of the shipped policy, and the bounds that no policy can pass."""

from collections.abc import Sequence
from datetime import date
from typing import Any

import pytest

from config.policy_file import load_policy
from config.settings import Settings
from rules.identity.identifiers import Identifier, MaskedNumber, parse_identifier
from rules.listings.listing import Listing
from rules.policy.condition import Transaction
from rules.policy.decision import decide as decide_with
from rules.policy.matching import Match, Party, matches_of, visible_matches
from rules.policy.pack import Policy
from rules.policy.unknown import apply_on_unknown
from rules.policy.verdict import Verdict
from rules.vocabulary import DataClass, LockScope, Outcome, Role
from tests.unit.records import ORGANISATION, OTHER_ORGANISATION, PERSON, person, record
from tests.unit.validator import filed

TODAY = date(2026, 11, 23)
POLICY = load_policy(Settings().policy)
ALL = frozenset(DataClass)


def number(text: str) -> Identifier | MaskedNumber:
    return parse_identifier(text, today=TODAY)


def listing(**changes: Any) -> Listing:  # noqa: ANN401
    return filed(record(**changes))[0].listing


def decide(
    policy: Policy,
    scene: str,
    parties: Sequence[tuple[Party, Sequence[Match]]],
    *,
    visible: frozenset[DataClass],
    today: date,
) -> Verdict:
    """As the gateway does: what the caller may not see is gone before anything is judged."""
    judged = [(party.profile, visible_matches(matches, visible, today)) for party, matches in parties]
    return decide_with(policy, Transaction(scene), judged, today)


def verdict(
    scene: str,
    *listings: Listing,
    role: Role = Role.BIDDER,
    who: str = ORGANISATION,
    visible: frozenset[DataClass] = ALL,
    today: date = TODAY,
) -> Verdict:
    party = Party(role, number(who))
    matches = [Match(item, certain=True) for item in listings]
    return decide(POLICY, scene, [(party, matches)], visible=visible, today=today)


COURT: dict[str, Any] = {}
PENALTY = {"determination": "administrative_penalty"}
MARKET = {"authority": "market-regulation", "category": "C04"}
WEAK = {"authority": "market-regulation", "category": "C09"}
GENERAL = {"severity": "general"}
RED = {"list": "red", "category": "R04", "severity": "unspecified"}
TAX_PERSON = {"authority": "taxation", "category": "C04", "subject": person()}


@pytest.mark.parametrize(
    ("scene", "changes", "role", "expected", "measures"),
    [
        # 办法一第十四条（一）（二）（四）（五）、个人意见五（二）、电商意见五（二）
        ("bidding.qualification", COURT, "bidder", "intercept", ["P05"]),
        ("bidding.qualification", COURT, "consortium_member", "intercept", ["P05"]),
        ("funds.grant", COURT, "applicant", "intercept", ["P01"]),
        ("approval.licence", COURT, "applicant", "lock", ["P02"]),
        ("approval.licence", TAX_PERSON, "applicant", "lock", ["PL1", "P02"]),
        ("approval.project", COURT, "applicant", "intercept", ["P04"]),
        ("ecommerce.onboarding", MARKET, "seller", "intercept", ["EC1", "EC4"]),
        ("ecommerce.onboarding", MARKET | {"severity": "unspecified"}, "seller", "intercept", ["EC1"]),
        ("finance.loan", COURT, "borrower", "warn", ["P09"]),  # told, not forced
        # a weak basis is for a human to look at
        ("bidding.qualification", WEAK, "bidder", "review", []),
        ("approval.licence", WEAK, "applicant", "review", []),
        # a listed agent or representative is not the applicant
        ("bidding.qualification", COURT, "agent", "review", []),
        ("bidding.qualification", COURT, "legal_representative", "review", []),
        # a penalty or a general discredit warns at most, in every scene
        ("bidding.qualification", PENALTY, "bidder", "warn", []),
        ("approval.licence", GENERAL, "applicant", "warn", []),
        ("funds.grant", PENALTY, "applicant", "warn", []),
        # 办法一第十三条
        ("bidding.qualification", RED, "bidder", "fast_track", ["I04"]),
        ("approval.licence", RED, "applicant", "fast_track", ["I02"]),
        ("funds.grant", RED, "applicant", "fast_track", ["I03"]),
        ("ecommerce.onboarding", RED, "seller", "fast_track", ["EI1"]),
        ("finance.loan", RED, "borrower", "fast_track", ["I05"]),
        ("bidding.qualification", RED, "agent", "allow", []),
    ],
)
def test_the_shipped_policy(scene: str, changes: dict[str, Any], role: str, expected: str, measures: list[str]) -> None:
    """Outcome and measures of each scene, as the four documents give them."""
    who = PERSON if changes is TAX_PERSON else ORGANISATION
    found = verdict(scene, listing(**changes), role=Role(role), who=who)
    assert found.outcome == expected
    assert list(found.measures) == measures


def test_nothing_listed_is_allowed() -> None:
    """An empty answer of a whole register allows, without measures."""
    found = verdict("bidding.qualification")
    assert (found.outcome, found.measures, found.rules) == (Outcome.ALLOW, (), ())


def test_black_beats_red() -> None:
    """A red listing gives nothing while a black one counts (办法一 Art. 4)."""
    found = verdict("bidding.qualification", listing(**RED, record_no="R-2"), listing())
    assert found.outcome is Outcome.INTERCEPT
    assert "I04" not in found.measures
    assert [item.list for item in found.parties[0].listings] == ["black"]


def test_expired_never_counts_and_the_last_day_does() -> None:
    """Severe: three years, last day included."""
    old = listing(determined_on="2023-11-23")
    assert verdict("bidding.qualification", old, today=date(2026, 11, 23)).outcome is Outcome.INTERCEPT
    assert verdict("bidding.qualification", old, today=date(2026, 11, 24)) == verdict("bidding.qualification")


def test_listings_not_granted_do_not_change_the_outcome() -> None:
    """Filtered before the verdict: the answer equals that of a miss (办法二 Art. 18–21)."""
    hidden = listing(data_class="government")
    public = frozenset({DataClass.PUBLIC})
    assert verdict("bidding.qualification", hidden, visible=public) == verdict("bidding.qualification", visible=public)
    assert verdict("bidding.qualification", hidden).outcome is Outcome.INTERCEPT


def test_strictest_party_decides() -> None:
    """One listed consortium member and the whole bid is intercepted; red members change nothing."""
    parties = [
        (Party(Role.BIDDER, number(OTHER_ORGANISATION)), [Match(listing(**RED), certain=True)]),
        (Party(Role.CONSORTIUM_MEMBER, number(ORGANISATION)), [Match(listing(), certain=True)]),
    ]
    found = decide(POLICY, "bidding.qualification", parties, visible=ALL, today=TODAY)
    assert found.outcome is Outcome.INTERCEPT
    assert [party.outcome for party in found.parties] == ["fast_track", "intercept"]
    assert found.measures == ("P05",)


def test_fast_track_needs_every_party() -> None:
    """A red bidder with an unknown partner is not sent through faster."""
    parties: list[tuple[Party, list[Match]]] = [
        (Party(Role.BIDDER, number(ORGANISATION)), [Match(listing(**RED), certain=True)]),
        (Party(Role.CONSORTIUM_MEMBER, number(OTHER_ORGANISATION)), []),
    ]
    found = decide(POLICY, "bidding.qualification", parties, visible=ALL, today=TODAY)
    assert (found.outcome, found.measures) == (Outcome.ALLOW, ())


@pytest.mark.parametrize("who", [None, "320829198803****6X"])
def test_a_name_or_a_masked_number_reviews_at_most(who: str | None) -> None:
    """Weak evidence for a severe listing: review, no measure, no lock; and never a clean pass."""
    black = listing(**TAX_PERSON)
    party = Party(Role.APPLICANT, number(who) if who else None, "沈知微")
    for by_name in ([black], []):
        matches = matches_of(party, [], by_name)
        found = decide(POLICY, "approval.licence", [(party, matches)], visible=ALL, today=TODAY)
        assert found.outcome is Outcome.REVIEW
        assert found.measures == ()
        assert found.parties[0].lock_grounds == ()
        assert found.parties[0].notes == ("subject_not_identified",)


def test_a_masked_record_reviews_the_person_it_fits() -> None:
    """A court's public record with a hidden birthday may be this person: review, never lock."""
    masked = listing(subject=person(id="320829198803****6X"))
    fitting = Party(Role.APPLICANT, number(PERSON), "沈知微")
    other = Party(Role.APPLICANT, number("320811197503021233"), "沈知微")
    for party, expected in ((fitting, Outcome.REVIEW), (other, Outcome.ALLOW)):
        matches = matches_of(party, [], [masked])
        assert decide(POLICY, "approval.licence", [(party, matches)], visible=ALL, today=TODAY).outcome is expected


def test_a_namesake_is_not_the_subject() -> None:
    """Another company that took the old name, with its own number, is not hit by name."""
    assert matches_of(Party(Role.BIDDER, number(OTHER_ORGANISATION), "淮安云岫建材有限公司"), [], [listing()]) == []


def test_lock_scope_follows_the_scene() -> None:
    """Intercept and lock are different things: what stays held is said by the rule."""
    assert [s for s, _ in verdict("bidding.qualification", listing()).parties[0].lock_grounds] == [LockScope.ACCOUNT]
    assert [s for s, _ in verdict("approval.licence", listing()).parties[0].lock_grounds] == [LockScope.TRANSACTION]
    assert verdict("funds.grant", listing()).parties[0].lock_grounds == ()


def test_several_listings_all_stand_in_the_answer() -> None:
    """Claims, not flags: two authorities' listings are two listings."""
    both = (listing(), listing(**MARKET, record_no="M-9"))
    assert len(verdict("bidding.qualification", *both).parties[0].listings) == 2


def test_a_number_known_under_another_name_is_reviewed() -> None:
    """Whose number or whose name is wrong nobody knows: neither block nor pass, and no measure (个人意见三（一）)."""
    party = Party(Role.BIDDER, number(ORGANISATION), "淮安另一家有限公司")
    for found, outcome in ((listing(), Outcome.REVIEW), (listing(**RED), Outcome.REVIEW)):
        matches = matches_of(party, [found], [])
        got = decide(POLICY, "bidding.qualification", [(party, matches)], visible=ALL, today=TODAY)
        assert (got.outcome, got.measures, got.parties[0].lock_grounds) == (outcome, (), ())
        assert got.parties[0].notes == ("name_mismatch",)


def test_one_agreeing_name_is_enough() -> None:
    """A company that was renamed is known under both names: the listing under the name given settles it."""
    party = Party(Role.BIDDER, number(ORGANISATION), "淮安云岫建材有限公司")
    old, new = listing(), listing(**MARKET, record_no="M-9")
    matches = matches_of(party, [old, new], [new])
    assert [match.same_name for match in matches] == [False, True]
    got = decide(POLICY, "bidding.qualification", [(party, matches)], visible=ALL, today=TODAY)
    assert (got.outcome, got.parties[0].notes) == (Outcome.INTERCEPT, ())


def test_listings_not_granted_cause_no_mismatch() -> None:
    """A hidden listing under another name moves nothing."""
    party = Party(Role.BIDDER, number(ORGANISATION), "淮安另一家有限公司")
    matches = matches_of(party, [listing(data_class="government")], [])
    public = frozenset({DataClass.PUBLIC})
    got = decide(POLICY, "bidding.qualification", [(party, matches)], visible=public, today=TODAY)
    assert (got.outcome, got.parties[0].notes) == (Outcome.ALLOW, ())


def test_a_role_weighs_what_the_scene_says() -> None:
    """A listed agent is judged as anybody, and brings at most a review upon the whole: no measure, no lock."""
    parties = [
        (Party(Role.BIDDER, number(OTHER_ORGANISATION)), list[Match]()),
        (Party(Role.AGENT, number(ORGANISATION)), [Match(listing(), certain=True)]),
    ]
    found = decide(POLICY, "bidding.qualification", parties, visible=ALL, today=TODAY)
    agent = found.parties[1]
    assert (agent.outcome, agent.weighted_outcome, agent.lock_grounds) == (Outcome.INTERCEPT, Outcome.REVIEW, ())
    assert (found.outcome, found.measures) == (Outcome.REVIEW, ())


def test_unlisted_agent_keeps_fast_track() -> None:
    """An agent without any listing neither earns nor spoils the faster way; a listed one does spoil it."""
    red = (Party(Role.BIDDER, number(ORGANISATION)), [Match(listing(**RED), certain=True)])
    for more, outcome in (([], Outcome.FAST_TRACK), ([Match(listing(**PENALTY), certain=True)], Outcome.WARN)):
        agent = (Party(Role.AGENT, number(PERSON)), more)
        found = decide(POLICY, "bidding.qualification", [red, agent], visible=ALL, today=TODAY)
        assert found.outcome is outcome


@pytest.mark.parametrize(
    ("scene", "changes", "outcome", "measures"),
    [
        ("bidding.qualification", None, Outcome.REVIEW, ()),
        ("bidding.qualification", COURT, Outcome.INTERCEPT, ("P05",)),
        ("bidding.qualification", RED, Outcome.REVIEW, ()),
        ("finance.loan", None, Outcome.ALLOW, ()),
        ("finance.loan", RED, Outcome.ALLOW, ()),
    ],
)
def test_unknown_data_follows_the_policy(
    scene: str, changes: dict[str, Any] | None, outcome: Outcome, measures: tuple[str, ...]
) -> None:
    """What was found stands; what was not is the scene's own answer; nobody goes faster on doubt."""
    items = [] if changes is None else [listing(**changes)]
    found = apply_on_unknown(verdict(scene, *items), POLICY.pack.scenes[scene])
    assert (found.outcome, found.measures) == (outcome, measures)
    assert found.parties[0].outcome is outcome
