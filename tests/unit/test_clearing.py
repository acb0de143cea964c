"""The prepared answer is the answer: byte for byte what the long way makes when nothing is found."""

from datetime import UTC, date, datetime

import orjson
import pytest

from config.files import load_departments
from config.policy_file import load_policy
from config.settings import Settings
from gateway.check_answer import Answered, answer
from gateway.check_record import decision_entry
from gateway.check_request import Check
from gateway.clearing import clear_document, clear_entry, is_clear, new_decision_id
from register.clients import Client, Grants
from register.register_reader import LookUp, RegisterState
from rules.decision import Party, decide
from rules.identifiers import MaskedNumber, parse_identifier
from rules.vocabulary import Outcome, Role
from tests.unit.desk import filed
from tests.unit.records import ORGANISATION, PERSON, record

TODAY, NOON = date(2026, 11, 23), datetime(2026, 11, 23, 4, tzinfo=UTC)
POLICY, DEPARTMENTS = load_policy(Settings().policy), load_departments(Settings().departments)
STATE = RegisterState("epoch", 3, 2, 4, 5, 6)
CLIENT = Client("shop", Grants(), 0)


def party(number: str | None, name: str | None = None) -> Party:
    return Party(Role.APPLICANT, parse_identifier(number, today=TODAY) if number else None, name)


def check(*parties: Party, ticket: bool = False) -> Check:
    return Check("funds.grant", "T-1", "acc-1", "o", "p", parties, 5.0, "320800", None, ticket)


@pytest.mark.parametrize("parties", [(party(ORGANISATION),), (party(ORGANISATION, "甲"), party(PERSON))])
def test_both_ways_make_the_same(parties: tuple[Party, ...]) -> None:
    """The answer and what the ledger keeps of it."""
    asked = check(*parties)
    verdict = decide(POLICY, asked.transaction, [(item.standing, []) for item in parties], TODAY)
    found = Answered("dec_1", asked, verdict, verdict.outcome, [], (), STATE, NOON)
    document = answer(found, POLICY, DEPARTMENTS)
    prepared = orjson.dumps(clear_document("dec_1", asked, STATE, NOON, POLICY))
    assert prepared == orjson.dumps(document)
    keys = [(f"{n:032x}", f"{n + 50:032x}" if item.name else None) for n, item in enumerate(parties)]
    entry = clear_entry(CLIENT, asked, keys, "dec_1", prepared, NOON)
    assert entry == decision_entry(CLIENT, found, keys, document)
    assert verdict.outcome is Outcome.ALLOW


def test_only_what_is_wholly_clear_is() -> None:
    """Something under a key, a lock, a number that is masked or missing, a ticket: the long way."""
    key = "a" * 32
    nothing = LookUp({key: []}, {}, STATE)
    clear = check(party(ORGANISATION))
    assert is_clear(clear, [key], nothing)
    assert is_clear(clear, [key], LookUp({}, {}, STATE))
    assert not is_clear(clear, [key], LookUp({key: [filed(record())[0].listing]}, {}, STATE))
    assert not is_clear(clear, [key], LookUp({}, {"target": "lock_1"}, STATE))
    assert not is_clear(check(party(ORGANISATION), party(None, "甲")), [key], nothing)
    assert not is_clear(check(Party(Role.AGENT, MaskedNumber("3208**"))), [key], nothing)
    assert not is_clear(check(party(ORGANISATION), ticket=True), [key], nothing)


def test_ids_are_of_their_form_and_not_repeated() -> None:
    """128 random bits."""
    assert len({new_decision_id() for _ in range(1000)}) == 1000
    assert len(new_decision_id()) == len("dec_") + 32
