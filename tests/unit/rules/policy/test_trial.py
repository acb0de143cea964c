"""Trial of a pack before it is used: faults by line, idle rules, differences, and a replay of past decisions."""

import copy
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from config.files import ConfigError, load_departments
from config.policy_file import load_examples, load_policy
from config.settings import Settings
from gateway.policy_store import PolicyStore
from rules.identity.identifiers import SubjectKind
from rules.policy.condition import Transaction
from rules.policy.decision import decide
from rules.policy.diff import case_diffs, part_diffs
from rules.policy.examples import ExampleListing
from rules.policy.faults import PolicyInvalidError, policy_from
from rules.policy.matching import Match, PartyProfile
from rules.policy.pack import Policy
from rules.policy.replay import PastCheck, PastMatch, PastParty, decode_check, encode_check, outcome_under
from rules.policy.review import review
from rules.policy.verdict import Verdict
from rules.vocabulary import ListColour, Outcome, Role

TODAY = date(2026, 11, 23)
PATH = Settings().policy
SOURCE = PATH.read_text()
PACK = {key: value for key, value in yaml.safe_load(SOURCE).items() if not key.startswith("x-")}
DEPARTMENTS = load_departments(Settings().departments)
BLACK = ExampleListing(ListColour.BLACK, "C07")
BIDDING = Transaction("bidding.qualification")
Change = Callable[[dict[str, Any]], object]


def bent(change: Change) -> Policy:
    pack = copy.deepcopy(PACK)
    change(pack)
    return policy_from(pack, b"")


def rule(pack: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(item for item in pack["rules"] if item["id"] == name)
    return found


def more(name: str, like: str, **changes: Any) -> Change:  # noqa: ANN401
    """A change that adds a rule derived from an existing one."""

    def add(pack: dict[str, Any]) -> None:
        made = copy.deepcopy(rule(pack, like)) | {"id": name}
        for part, value in changes.items():
            made[part] = made[part] | value if isinstance(value, dict) and part in made else value
        pack["rules"].append(made)

    return add


def verdict(
    policy: Policy, transaction: Transaction = BIDDING, given: ExampleListing = BLACK, role: Role = Role.BIDDER
) -> Verdict:
    standing = PartyProfile(role, SubjectKind.ORGANISATION, identified=True)
    return decide(policy, transaction, [(standing, [given.match(1)])], TODAY)


# ---------------------------------------------------------------- faults


def test_every_fault_names_its_line(tmp_path: Path) -> None:
    """Each fault is reported with its file and line."""
    text = SOURCE.replace("measures: [P04]", "measures: [P99]").replace("outcome: intercept", "outcome: refuse", 1)
    path = tmp_path / "pack.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_policy(path)
    lines = text.splitlines()
    wrong = next(n for n, line in enumerate(lines, 1) if "outcome: refuse" in line)
    assert str(caught.value).splitlines() == [f"{path}:{wrong}: Invalid enum value 'refuse'"]
    path.write_text(text.replace("outcome: refuse", "outcome: intercept"))
    with pytest.raises(ConfigError) as caught:
        load_policy(path)
    dangling = next(n for n, line in enumerate(lines, 1) if "[P99]" in line)
    assert str(caught.value) == f"{path}:{dangling}: rule project-refused: no measure P99"


def test_examples_belong_to_their_pack(tmp_path: Path) -> None:
    """Examples of another pack or of an unknown form are refused."""
    path = tmp_path / "x.examples.yaml"
    for text in ("pack: other\nexamples: []\n", "pack: huaian-2018\nexamples: [{name: x}]\n"):
        path.write_text(text)
        with pytest.raises(ConfigError, match=str(path)):
            load_examples(path, "huaian-2018")


def test_second_regime_loads_as_a_pack() -> None:
    """The national rules can be another pack; a decision names its pack."""
    other = bent(lambda p: p.update(pack="national-2025", regime="NDRC36", version="1"))
    assert (other.pack.regime, other.reference["pack"]) == ("NDRC36", "national-2025")


# ---------------------------------------------------------------- review


@pytest.mark.parametrize(
    ("change", "code", "name"),
    [
        (more("x", "bidder-refused", when={"categories": ["R04"]}), "unreachable", "x"),
        (more("x", "bidder-refused", when={"authorities": ["nobody"]}), "unreachable", "x"),
        (more("x", "bidder-refused", when={"authorities": ["court"], "categories": ["C02"]}), "unreachable", "x"),
        (more("x", "bidder-refused", when={"kinds": []}), "unreachable", "x"),
        (more("x", "bidder-refused", when={"amount_from": 10, "amount_below": 5}), "unreachable", "x"),
        (more("x", "bidder-refused", **{"from": "2027-01-01", "until": "2026-12-01"}), "unreachable", "x"),
        (more("x", "bidder-refused", until="2020-01-01"), "over", "x"),
        (more("x", "bidder-refused", when={"determinations": ["administrative_penalty"]}), "bounded", "x"),
        (more("x", "bidder-refused", when={"severities": ["general"]}), "bounded", "x"),
        (more("x", "bidder-refused", when={"roles": ["agent"]}), "bounded", "x"),
        (more("x", "bidder-refused", when={"categories": ["C07"]}), "without_effect", "x"),
        (more("x", "funds-preferred", when={"kinds": ["organisation"]}), "without_effect", "x"),
        (more("x", "party-reviewed", then={"outcome": "warn"}), "contradictory", "party-reviewed"),
    ],
)
def test_idle_and_contradictory_rules_are_found(change: Change, code: str, name: str) -> None:
    """Each kind of idle or contradictory rule is reported with its reason."""
    assert (code, name) in {(found.code, found.rule) for found in review(bent(change), DEPARTMENTS, TODAY)}


# ---------------------------------------------------------------- conditions


@pytest.mark.parametrize(
    ("when", "transaction", "fires"),
    [
        ({"amount_from": 1000}, Transaction("bidding.qualification", 1000.0), True),
        ({"amount_from": 1000}, Transaction("bidding.qualification", 999.99), False),
        ({"amount_below": 1000}, Transaction("bidding.qualification", 1000.0), False),
        ({"regions": ["3208"]}, Transaction("bidding.qualification", None, "320803"), True),
        ({"regions": ["3208"]}, Transaction("bidding.qualification", None, "320105"), False),
        ({"objection_open": True}, BIDDING, False),
        ({"objection_open": False}, BIDDING, True),
        ({"authorities": ["taxation"]}, BIDDING, False),
    ],
)
def test_conditions_on_the_transaction(when: dict[str, Any], transaction: Transaction, fires: bool) -> None:
    """Amount, region, authority and open objections decide whether a rule fires."""
    policy = bent(more("x", "bidder-refused", when=when))
    assert ("x" in {r.id for r in verdict(policy, transaction).rules}) is fires


def test_a_scene_says_which_facts_it_needs() -> None:
    """A rule on the amount makes the amount required, so that omitting it does not avoid the rule."""
    policy = bent(more("x", "bidder-refused", when={"amount_from": 1, "regions": ["32"]}))
    assert policy.facts_needed["bidding.qualification"] == {"amount", "region"}
    assert policy.facts_needed["funds.grant"] == frozenset()


@pytest.mark.parametrize(
    ("days", "holds"),
    [({"from": "2026-11-23"}, True), ({"from": "2026-11-24"}, False), ({"until": "2026-11-23"}, True),
     ({"until": "2026-11-22"}, False)],
)  # fmt: skip
def test_a_rule_holds_from_and_until(days: dict[str, str], holds: bool) -> None:
    """Both days are included, in Beijing time."""
    policy = bent(more("x", "bidder-refused", **days))
    assert ("x" in {r.id for r in verdict(policy).rules}) is holds


# ---------------------------------------------------------------- shadow


def test_shadow_rule_is_reported_without_effect() -> None:
    """A shadow rule is reported, but does not change outcome, measures or rules."""
    weak = ExampleListing(ListColour.BLACK, "C09", "market-regulation")
    shadow = bent(more("x", "bidder-refused", when={"categories": ["C09"]}, shadow=True))
    found, plain = verdict(shadow, given=weak), verdict(bent(lambda p: None), given=weak)
    assert (found.outcome, found.measures, found.rules) == (plain.outcome, plain.measures, plain.rules)
    assert found.shadow is not None
    assert (found.shadow.outcome, found.shadow.rules) == (Outcome.INTERCEPT, ("x",))
    assert plain.shadow is None
    assert verdict(shadow).shadow is None, "it did not fire for another category"


# ---------------------------------------------------------------- diff and replay


def test_the_same_pack_does_not_differ() -> None:
    """No part and no case differs."""
    policy = load_policy(PATH)
    assert part_diffs(policy, bent(lambda p: None)) == []
    assert case_diffs(policy, policy, TODAY) == []


def test_diff_lists_changed_parts_and_outcomes() -> None:
    """A category removed from a rule shows the changed rule and the cases with another outcome."""
    before = load_policy(PATH)
    after = bent(lambda p: rule(p, "project-refused")["when"].update(categories=["C01", "C03", "C05", "C07"]))
    assert [(part.kind, part.changed) for part in part_diffs(before, after)] == [("rules", ("project-refused",))]
    (case,) = case_diffs(before, after, TODAY)
    assert (case.scene, case.before, case.after) == ("approval.project", Outcome.INTERCEPT, Outcome.REVIEW)
    assert "C06" in case.example


def test_amount_bounds_are_tested_on_both_sides() -> None:
    """A rule from an amount upwards changes cases at that amount and none below it."""
    after = bent(more("x", "bidder-refused", when={"categories": ["C09"], "amount_from": 1_000_000}))
    cases = case_diffs(load_policy(PATH), after, TODAY)
    assert cases
    assert all("amount 1e+06" in case.example for case in cases)


def test_replay_decides_past_checks_again() -> None:
    """The ledger entry, without identifier and name, is enough to decide again under any pack."""
    match = BLACK.match(7)
    party = PastParty(Role.BIDDER, SubjectKind.ORGANISATION, True, "k", None, (PastMatch(match.listing, True, None),))
    check = PastCheck("bidding.qualification", Outcome.INTERCEPT, (party,))
    kept = decode_check(encode_check(check))
    assert kept == check
    assert outcome_under(load_policy(PATH), kept, TODAY) is Outcome.INTERCEPT
    lenient = bent(lambda p: rule(p, "bidder-refused")["when"].update(categories=["C01"]))
    assert outcome_under(lenient, kept, TODAY) is Outcome.REVIEW
    assert outcome_under(bent(lambda p: None), PastCheck("gone", Outcome.ALLOW, ()), TODAY) is None
    doubtful = PastCheck("bidding.qualification", Outcome.REVIEW, (), indeterminate=True)
    assert outcome_under(load_policy(PATH), doubtful, TODAY) is Outcome.REVIEW


def test_replay_input_names_no_person() -> None:
    """The kept listing has at most a masked pattern."""
    assert Match(BLACK.match(1).listing, certain=True).listing.pattern == "*"


# ---------------------------------------------------------------- the policy store


def test_changed_policy_file_is_loaded_and_broken_ignored(tmp_path: Path) -> None:
    """A valid file replaces the pack; an invalid one leaves the previous pack in force until it is corrected."""
    path = tmp_path / "pack.yaml"
    path.write_text(SOURCE)
    policy_store = PolicyStore(path)
    first = policy_store.current
    assert policy_store.reload()
    assert policy_store.current is first, "the same content is not loaded again"
    path.write_text(SOURCE.replace('version: "2018.10.30-2"', 'version: "x"'))
    assert policy_store.reload()
    assert policy_store.current.pack.version == "x"
    path.write_text("pack: [")
    assert not policy_store.reload()
    assert (policy_store.refused, policy_store.current.pack.version) == (True, "x")
    path.unlink()
    assert not policy_store.reload()
    path.write_text(SOURCE)
    assert policy_store.reload()
    assert (policy_store.refused, policy_store.current.digest) == (False, first.digest)


def test_pack_must_be_a_mapping() -> None:
    """Any other YAML value raises a fault with its place."""
    value: Any
    for value in ([], 1, None, {"rules": 3}, {"rules": [3], "scenes": {"a": None}}):
        with pytest.raises(PolicyInvalidError):
            policy_from(value, b"")
