"""The verdict: the outcomes of the shipped policy, and the limits that no policy can exceed."""

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
    """As the gateway decides: listings not visible to the client are removed before the decision."""
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
        ("finance.loan", COURT, "borrower", "warn", ["P09"]),  # a warning, not a block
        # a weak basis is reviewed by a person
        ("bidding.qualification", WEAK, "bidder", "review", []),
        ("approval.licence", WEAK, "applicant", "review", []),
        # the listed agent or representative is not the applicant
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
    """Each scene has the outcome and measures that the four documents state."""
    who = PERSON if changes is TAX_PERSON else ORGANISATION
    found = verdict(scene, listing(**changes), role=Role(role), who=who)
    assert found.outcome == expected
    assert list(found.measures) == measures


def test_nothing_listed_is_allowed() -> None:
    """With a complete register and no listing, the outcome is ``allow`` without measures."""
    found = verdict("bidding.qualification")
    assert (found.outcome, found.measures, found.rules) == (Outcome.ALLOW, (), ())


def test_black_beats_red() -> None:
    """A red listing has no effect while a black one is in force (办法一 Art. 4)."""
    found = verdict("bidding.qualification", listing(**RED, record_no="R-2"), listing())
    assert found.outcome is Outcome.INTERCEPT
    assert "I04" not in found.measures
    assert [item.list for item in found.parties[0].listings] == ["black"]


def test_expired_never_counts_and_the_last_day_does() -> None:
    """A severe listing is in force for three years, last day included."""
    old = listing(determined_on="2023-11-23")
    assert verdict("bidding.qualification", old, today=date(2026, 11, 23)).outcome is Outcome.INTERCEPT
    assert verdict("bidding.qualification", old, today=date(2026, 11, 24)) == verdict("bidding.qualification")


def test_listings_not_granted_do_not_change_the_outcome() -> None:
    """A listing that the client may not see gives the verdict of no listing (办法二 Art. 18–21)."""
    hidden = listing(data_class="government")
    public = frozenset({DataClass.PUBLIC})
    assert verdict("bidding.qualification", hidden, visible=public) == verdict("bidding.qualification", visible=public)
    assert verdict("bidding.qualification", hidden).outcome is Outcome.INTERCEPT


def test_strictest_party_decides() -> None:
    """One listed consortium member intercepts the whole bid; red-listed members do not change that."""
    parties = [
        (Party(Role.BIDDER, number(OTHER_ORGANISATION)), [Match(listing(**RED), certain=True)]),
        (Party(Role.CONSORTIUM_MEMBER, number(ORGANISATION)), [Match(listing(), certain=True)]),
    ]
    found = decide(POLICY, "bidding.qualification", parties, visible=ALL, today=TODAY)
    assert found.outcome is Outcome.INTERCEPT
    assert [party.outcome for party in found.parties] == ["fast_track", "intercept"]
    assert found.measures == ("P05",)


def test_fast_track_needs_every_party() -> None:
    """A red-listed bidder with a partner without a listing does not get the fast track."""
    parties: list[tuple[Party, list[Match]]] = [
        (Party(Role.BIDDER, number(ORGANISATION)), [Match(listing(**RED), certain=True)]),
        (Party(Role.CONSORTIUM_MEMBER, number(OTHER_ORGANISATION)), []),
    ]
    found = decide(POLICY, "bidding.qualification", parties, visible=ALL, today=TODAY)
    assert (found.outcome, found.measures) == (Outcome.ALLOW, ())


@pytest.mark.parametrize("who", [None, "320829198803****6X"])
def test_a_name_or_a_masked_number_reviews_at_most(who: str | None) -> None:
    """Weak evidence gives ``review``, without measure or lock, and never ``allow``."""
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
    """A public court record with a masked birth date that may match a person gives ``review``, never ``lock``."""
    masked = listing(subject=person(id="320829198803****6X"))
    fitting = Party(Role.APPLICANT, number(PERSON), "沈知微")
    other = Party(Role.APPLICANT, number("320811197503021233"), "沈知微")
    for party, expected in ((fitting, Outcome.REVIEW), (other, Outcome.ALLOW)):
        matches = matches_of(party, [], [masked])
        assert decide(POLICY, "approval.licence", [(party, matches)], visible=ALL, today=TODAY).outcome is expected


def test_a_namesake_is_not_the_subject() -> None:
    """Another company with the same name and its own number does not match by name."""
    assert matches_of(Party(Role.BIDDER, number(OTHER_ORGANISATION), "淮安云岫建材有限公司"), [], [listing()]) == []


def test_lock_scope_follows_the_scene() -> None:
    """The rule, not the outcome, sets what is locked: the account, the transaction or nothing."""
    assert [s for s, _ in verdict("bidding.qualification", listing()).parties[0].lock_grounds] == [LockScope.ACCOUNT]
    assert [s for s, _ in verdict("approval.licence", listing()).parties[0].lock_grounds] == [LockScope.TRANSACTION]
    assert verdict("funds.grant", listing()).parties[0].lock_grounds == ()


def test_several_listings_all_stand_in_the_answer() -> None:
    """Listings of two authorities are two listings in the verdict."""
    both = (listing(), listing(**MARKET, record_no="M-9"))
    assert len(verdict("bidding.qualification", *both).parties[0].listings) == 2


def test_a_number_known_under_another_name_is_reviewed() -> None:
    """Number or name may be wrong: ``review`` without a measure (个人意见三（一）)."""
    party = Party(Role.BIDDER, number(ORGANISATION), "淮安另一家有限公司")
    for found, outcome in ((listing(), Outcome.REVIEW), (listing(**RED), Outcome.REVIEW)):
        matches = matches_of(party, [found], [])
        got = decide(POLICY, "bidding.qualification", [(party, matches)], visible=ALL, today=TODAY)
        assert (got.outcome, got.measures, got.parties[0].lock_grounds) == (outcome, (), ())
        assert got.parties[0].notes == ("name_mismatch",)


def test_one_agreeing_name_is_enough() -> None:
    """A renamed company is listed under both names: a match under the given name is enough."""
    party = Party(Role.BIDDER, number(ORGANISATION), "淮安云岫建材有限公司")
    old, new = listing(), listing(**MARKET, record_no="M-9")
    matches = matches_of(party, [old, new], [new])
    assert [match.same_name for match in matches] == [False, True]
    got = decide(POLICY, "bidding.qualification", [(party, matches)], visible=ALL, today=TODAY)
    assert (got.outcome, got.parties[0].notes) == (Outcome.INTERCEPT, ())


def test_a_renamed_company_is_found_by_its_number() -> None:
    """A company listed under its old name: the number alone gives ``intercept``, with the new name ``review``."""
    for name, outcome in ((None, Outcome.INTERCEPT), ("淮安云岫新材料有限公司", Outcome.REVIEW)):
        party = Party(Role.BIDDER, number(ORGANISATION), name)
        matches = matches_of(party, [listing()], [])
        got = decide(POLICY, "bidding.qualification", [(party, matches)], visible=ALL, today=TODAY)
        assert got.outcome is outcome
        assert got.parties[0].listings == (listing(),)


def test_an_authorised_listing_is_for_clients_with_that_class_only() -> None:
    """授权查询 (办法二 Art. 18, 21): without the class the verdict is that of no listing."""
    scene, authorised = "bidding.qualification", listing(data_class="authorised")
    others = ALL - {DataClass.AUTHORISED}
    assert verdict(scene, authorised, visible=others) == verdict(scene, visible=others)
    assert verdict(scene, authorised).outcome is Outcome.INTERCEPT


def test_listings_not_granted_cause_no_mismatch() -> None:
    """A hidden listing under another name has no effect."""
    party = Party(Role.BIDDER, number(ORGANISATION), "淮安另一家有限公司")
    matches = matches_of(party, [listing(data_class="government")], [])
    public = frozenset({DataClass.PUBLIC})
    got = decide(POLICY, "bidding.qualification", [(party, matches)], visible=public, today=TODAY)
    assert (got.outcome, got.parties[0].notes) == (Outcome.ALLOW, ())


def test_a_role_weighs_what_the_scene_says() -> None:
    """A listed agent has its own outcome, but contributes at most ``review``, without measure or lock."""
    parties = [
        (Party(Role.BIDDER, number(OTHER_ORGANISATION)), list[Match]()),
        (Party(Role.AGENT, number(ORGANISATION)), [Match(listing(), certain=True)]),
    ]
    found = decide(POLICY, "bidding.qualification", parties, visible=ALL, today=TODAY)
    agent = found.parties[1]
    assert (agent.outcome, agent.weighted_outcome, agent.lock_grounds) == (Outcome.INTERCEPT, Outcome.REVIEW, ())
    assert (found.outcome, found.measures) == (Outcome.REVIEW, ())


def test_unlisted_agent_keeps_fast_track() -> None:
    """An agent without a listing does not affect the fast track; a listed agent prevents it."""
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
    """Listings found keep their effect; else the scene's outcome for unknown data applies; never ``fast_track``."""
    items = [] if changes is None else [listing(**changes)]
    found = apply_on_unknown(verdict(scene, *items), POLICY.pack.scenes[scene])
    assert (found.outcome, found.measures) == (outcome, measures)
    assert found.parties[0].outcome is outcome
