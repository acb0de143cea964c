"""The verdict and the lock plan are pure: held locks, releases and unknown data, without a server."""

from datetime import date

import pytest

from config.policy_file import load_policy
from config.settings import Settings
from gateway.checks.judge import judge
from gateway.checks.lock_planner import LockPlan, locks_wanted, plan_locks
from gateway.checks.lookup_keys import LookupKeys
from gateway.checks.request import Check
from rules.identity.identifiers import parse_identifier
from rules.policy.matching import Match, Party
from rules.policy.verdict import Verdict
from rules.vocabulary import LockScope, Outcome, Role
from store.locks.rows import Lock
from tests.unit.records import ORGANISATION, record
from tests.unit.validator import filed

TODAY = date(2026, 11, 23)
POLICY = load_policy(Settings().policy)
LISTING = filed(record())[0].listing
PARTY = Party(Role.APPLICANT, parse_identifier(ORGANISATION, today=TODAY))
CHECK = Check("approval.licence", "T-1", "A-1", "o", "p", (PARTY,))
TARGETS = {LockScope.TRANSACTION: "t" * 32, LockScope.ACCOUNT: "a" * 32}
LOOKUP = LookupKeys(CHECK, [("0" * 32, None)], TARGETS)
LISTED, CLEAR = [[Match(LISTING, certain=True)]], [list[Match]()]


def verdict_on(matches: list[list[Match]], *excluded: str, unknown: bool = False) -> Verdict:
    classes = {LISTING.data_class}
    return judge(POLICY, CHECK, matches, classes, TODAY, frozenset(excluded), unknown=unknown)


def planned(verdict: Verdict, *held: Lock, released: frozenset[str] = frozenset(), unknown: bool = False) -> LockPlan:
    wanted = locks_wanted(verdict, CHECK, TARGETS)
    pairs = {(target, key) for target in TARGETS.values() for key in released}
    return plan_locks(verdict, wanted, LOOKUP, held, pairs, lambda keys: verdict_on(LISTED, *keys, unknown=unknown))


def test_a_listing_locks_and_an_excluded_one_does_not() -> None:
    """The verdict for the same matches, with and without the excluded listing."""
    assert verdict_on(LISTED).outcome is Outcome.LOCK
    assert verdict_on(LISTED, LISTING.key) == verdict_on(CLEAR)
    assert verdict_on(CLEAR).outcome is Outcome.ALLOW


def test_a_lock_is_wanted_with_its_listing() -> None:
    """The plan has one lock request, which names the listing."""
    (request,) = planned(verdict_on(LISTED)).wanted
    assert request.listings == (LISTING.key,)
    assert request.target_key in TARGETS.values()


def test_a_held_lock_counts_for_a_clear_subject_and_brings_no_measures() -> None:
    """A subject without a listing gets ``lock`` while a lock is held on the target."""
    lock = Lock("lock_1", "shop", "account", "A-1", TARGETS[LockScope.ACCOUNT], CHECK.scene, "dec_1", 1, "held", 2, 3)
    plan = planned(verdict_on(CLEAR), lock)
    assert (plan.verdict.outcome, plan.verdict.measures, list(plan.wanted)) == (Outcome.LOCK, (), [])


@pytest.mark.parametrize(("unknown", "outcome"), [(False, Outcome.WARN), (True, Outcome.REVIEW)])
def test_a_released_listing_warns_and_the_unknown_stays(unknown: bool, outcome: Outcome) -> None:
    """After its release the listing no longer locks; unknown data still have their effect."""
    plan = planned(verdict_on(LISTED, unknown=unknown), released=frozenset([LISTING.key]), unknown=unknown)
    assert (plan.verdict.outcome, list(plan.wanted)) == (outcome, [])
    assert plan.verdict.parties[0].notes == ("lock_released",)


def test_another_listing_locks_a_released_target() -> None:
    """A release applies to the listings that it names; a later listing locks again."""
    plan = planned(verdict_on(LISTED), released=frozenset(["another"]))
    assert (plan.verdict.outcome, len(plan.wanted)) == (Outcome.LOCK, 1)
