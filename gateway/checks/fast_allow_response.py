"""The common answer and its entry in the ledger, prepared: nobody is under anything, and nothing is locked.

Byte for byte what ``check_answer`` and ``check_record`` make of the same (a test holds that), for less.
"""

import os
from datetime import date, datetime

import orjson

from gateway.checks.lookup_keys import LookupKeys
from gateway.checks.request import Check
from rules.calendar import SHANGHAI
from rules.identity.identifiers import Identifier
from rules.policy.decision import Party
from rules.policy.pack import Policy
from rules.policy.replay import PastCheck, PastParty, encode_check
from rules.vocabulary import Outcome
from store.ledger.decisions import DecisionEntry
from store.platforms.clients import Client
from store.register.reader import RegisterState

_ALLOW = Outcome.ALLOW.value
_ANSWER = (
    b'{"decision_id":"%b","outcome":"allow","scene":%b,"transaction_id":%b,"indeterminate":false,"unknown":[],'
    b'"subjects":[%b],"measures":[],"messages":[],"rules":[],"locks":[],"remedy":null,"ticket":null,'
    b'"feedback_due":null,"as_of":{"epoch":"%b","sequence":%d,"age_ms":%d,"heard_ms":%d,"read_at":"%b",'
    b'"watermarks":{}},"policy":%b}'
)
_SUBJECT = b'{"role":"%b","masked_id":"%b","outcome":"allow","counts_as":"allow","notes":[],"listings":[]}'
_RANDOM = 16
_AT_ONCE = 256


class DecisionIds:
    """Ids that nobody can guess: 128 bits of the system's random source, taken many at a time."""

    def __init__(self) -> None:
        self._ready: list[str] = []

    def next(self) -> str:
        """One that was never given."""
        if not self._ready:
            drawn = os.urandom(_RANDOM * _AT_ONCE).hex()
            width = 2 * _RANDOM
            self._ready = ["dec_" + drawn[at : at + width] for at in range(0, len(drawn), width)]
        return self._ready.pop()


class Moment:
    """Now, as answers and the ledger write it; what changes once a second is made once a second."""

    def __init__(self) -> None:
        self._second = -1
        self._written = ""
        self._at = 0.0
        self._micro = 0
        self.day = date.min
        """The civil day in Beijing."""

    def be(self, now: datetime) -> None:
        """Stand for that moment."""
        self._at, self._micro = now.timestamp(), now.microsecond
        second = int(self._at)
        if second != self._second:
            there = now.astimezone(SHANGHAI)
            self._second, self.day = second, there.date()
            self._written = there.isoformat(timespec="seconds")

    @property
    def milliseconds(self) -> int:
        """As ``to_milliseconds``."""
        return round(self._at * 1000)

    @property
    def text(self) -> str:
        """As ``rfc3339``."""
        return f"{self._written[:19]}.{self._micro // 1000:03d}{self._written[19:]}"


def allow_body(decision_id: str, check: Check, state: RegisterState, moment: Moment, policy: Policy) -> bytes:
    """The answer, with the members of ``check_answer.answer`` in their order. The register must have been heard."""
    assert state.age_ms is not None
    return _ANSWER % (
        decision_id.encode(),
        orjson.dumps(check.scene),
        orjson.dumps(check.transaction_id),
        b",".join([_subject(party) for party in check.parties]),
        state.epoch.encode(),
        state.sequence,
        state.age_ms,
        state.heard_ms,
        moment.text.encode(),
        policy.named_json,
    )


def _subject(party: Party) -> bytes:
    assert isinstance(party.number, Identifier)
    return _SUBJECT % (party.role.encode(), party.number.masked().encode())


def allow_audit_entry(
    client: Client, question: LookupKeys, decision_id: str, body: bytes, moment: Moment
) -> DecisionEntry:
    """What the ledger keeps of it, as ``check_record.decision_entry`` would."""
    check, parties = question.check, []
    for party, keys in zip(check.parties, question.party_keys, strict=True):
        standing = party.standing
        parties.append(PastParty(standing.role, standing.kind, True, *keys))
    past = encode_check(PastCheck(check.scene, Outcome.ALLOW, tuple(parties), check.amount, check.region))
    account = orjson.dumps(check.account_id)
    return DecisionEntry(
        decision_id,
        moment.milliseconds,
        client.id,
        check.operator,
        check.purpose,
        check.scene,
        check.transaction_id,
        _ALLOW,
        b'{"answer":%b,"check":%b,"account_id":%b}' % (body, past, account),
    )
