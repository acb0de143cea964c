"""The prepared response equals, byte for byte, the full decision for subjects without a listing."""

from datetime import UTC, date, datetime

import pytest

from config.files import load_departments
from config.policy_file import load_policy
from config.settings import Settings
from gateway.checks.audit_entry import decision_entry
from gateway.checks.fast_allow_response import DecisionIds, DecisionTime, allow_audit_entry, allow_body
from gateway.checks.lookup_keys import LookupKeys, PartyKeys
from gateway.checks.request import Check
from gateway.checks.response import DecisionContext, decision_body
from rules.calendar import civil_day, rfc3339, to_milliseconds
from rules.identity.identifiers import parse_identifier
from rules.policy.decision import decide
from rules.policy.matching import Party
from rules.vocabulary import Outcome, Role
from store.platforms.clients import Client, Grants
from store.register.reader import RegisterState
from tests.unit.records import ORGANISATION, PERSON

TODAY, NOON = date(2026, 11, 23), datetime(2026, 11, 23, 4, tzinfo=UTC)
POLICY, DEPARTMENTS = load_policy(Settings().policy), load_departments(Settings().departments)
STATE = RegisterState("epoch", 3, 2, 4, 5, 6)
CLIENT = Client("shop", Grants(), 0)


def party(number: str | None, name: str | None = None) -> Party:
    return Party(Role.APPLICANT, parse_identifier(number, today=TODAY) if number else None, name)


def check(*parties: Party, ticket: bool = False) -> Check:
    return Check("funds.grant", "T-1", "acc-1", "o", "p", parties, 5.0, "320800", None, ticket)


@pytest.mark.parametrize("parties", [(party(ORGANISATION),), (party(ORGANISATION, "甲"), party(PERSON))])
def test_fast_allow_body_matches_the_full_answer(parties: tuple[Party, ...]) -> None:
    """The response body and the ledger entry are the same."""
    asked = check(*parties)
    verdict = decide(POLICY, asked.transaction, [(item.profile, []) for item in parties], TODAY)
    found = DecisionContext("dec_1", asked, verdict, verdict.outcome, [], (), STATE, NOON)
    body = decision_body(found, POLICY, DEPARTMENTS)
    moment = DecisionTime()
    moment.set(NOON)
    prepared = allow_body("dec_1", asked, STATE, moment, POLICY)
    assert prepared == body
    keys: list[PartyKeys] = [(f"{n:032x}", f"{n + 50:032x}" if item.name else None) for n, item in enumerate(parties)]
    entry = allow_audit_entry(CLIENT, LookupKeys(asked, keys, {}), "dec_1", prepared, moment)
    assert entry == decision_entry(CLIENT, found, keys, body)
    assert verdict.outcome is Outcome.ALLOW


@pytest.mark.parametrize("micro", [0, 1, 499, 500, 999, 1000, 123_456, 999_499, 999_500, 999_999])
def test_moment_has_the_common_format(micro: int) -> None:
    """The time equals RFC 3339 in Beijing time, for every part of a second and on both sides of midnight."""
    moment = DecisionTime()
    for at in (NOON, datetime(2026, 11, 23, 15, 59, 59, tzinfo=UTC), datetime(2026, 11, 23, 16, tzinfo=UTC)):
        now = at.replace(microsecond=micro)
        moment.set(now)
        assert (moment.rfc3339, moment.milliseconds) == (rfc3339(now), to_milliseconds(now))
        assert moment.today == civil_day(now)


def test_decision_ids_are_unique_and_well_formed() -> None:
    """An id has 128 random bits."""
    ids = DecisionIds()
    assert len({ids.next() for _ in range(1000)}) == 1000
    assert len(ids.next()) == len("dec_") + 32
