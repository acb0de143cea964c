"""The common answer, prepared: nobody of this transaction is under anything, and nothing of it is locked.

Byte for byte what the long way through verdict and locks answers (a test holds that), at a fraction of its cost.
"""

import os
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import orjson

from gateway.check_answer import as_of, masked
from gateway.check_request import Check
from register.clients import Client
from register.decisions import DecisionEntry
from register.register_reader import LookUp, RegisterState
from rules.calendar import to_milliseconds
from rules.decision import Party
from rules.identifiers import Identifier
from rules.policy import Policy
from rules.replay import PastCheck, PastParty, encode_check
from rules.vocabulary import Outcome

_ALLOW = Outcome.ALLOW.value


def is_clear(check: Check, keys: Sequence[str], found: LookUp) -> bool:
    """Whether nothing at all was found, about parties who all gave a whole number."""
    return (
        not check.ticket
        and not found.locks
        and not any(found.listings.get(key) for key in keys)
        and all(isinstance(party.number, Identifier) for party in check.parties)
    )


def new_decision_id() -> str:
    """An id that nobody can guess."""
    return "dec_" + os.urandom(16).hex()


def clear_document(
    decision_id: str, check: Check, state: RegisterState, now: datetime, policy: Policy
) -> dict[str, Any]:
    """The answer, with the members of ``check_answer.answer`` in their order."""
    return {
        "decision_id": decision_id,
        "outcome": _ALLOW,
        "scene": check.scene,
        "transaction_id": check.transaction_id,
        "indeterminate": False,
        "unknown": (),
        "subjects": [_subject(party) for party in check.parties],
        "measures": (),
        "messages": (),
        "rules": (),
        "locks": (),
        "remedy": None,
        "ticket": None,
        "feedback_due": None,
        "as_of": as_of(state, now),
        "policy": policy.named,
    }


def _subject(party: Party) -> dict[str, Any]:
    return {
        "role": party.role.value,
        "masked_id": masked(party),
        "outcome": _ALLOW,
        "counts_as": _ALLOW,
        "notes": (),
        "listings": (),
    }


def clear_entry(
    client: Client,
    check: Check,
    party_keys: Sequence[tuple[str | None, str | None]],
    decision_id: str,
    body: bytes,
    now: datetime,
) -> DecisionEntry:
    """What the ledger keeps of it, as ``check_record.decision_entry`` would."""
    parties = []
    for party, keys in zip(check.parties, party_keys, strict=True):
        standing = party.standing
        parties.append(PastParty(standing.role, standing.kind, True, *keys))
    past = encode_check(PastCheck(check.scene, Outcome.ALLOW, tuple(parties), check.amount, check.region))
    detail = {"answer": orjson.Fragment(body), "check": orjson.Fragment(past), "account_id": check.account_id}
    return DecisionEntry(
        decision_id,
        to_milliseconds(now),
        client.id,
        check.operator,
        check.purpose,
        check.scene,
        check.transaction_id,
        _ALLOW,
        orjson.dumps(detail),
    )
