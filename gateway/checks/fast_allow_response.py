"""The answer and the ledger entry of a fast allow, from templates: no listing, no lock, no measure.

Byte for byte what ``response`` and ``audit_entry`` make of the same decision (a test holds that), at less cost.
"""

import os
from datetime import date, datetime

import orjson

from gateway.checks.lookup_keys import LookupKeys
from gateway.checks.request import Check
from rules.calendar import SHANGHAI
from rules.identity.identifiers import Identifier
from rules.policy.matching import Party
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
_ID_BYTES = 16
_IDS_PER_DRAW = 256


class DecisionIds:
    """Ids that cannot be guessed: 128 random bits each, drawn from the operating system many at a time."""

    def __init__(self) -> None:
        self._ready: list[str] = []

    def next(self) -> str:
        """A new id."""
        if not self._ready:
            drawn = os.urandom(_ID_BYTES * _IDS_PER_DRAW).hex()
            width = 2 * _ID_BYTES
            self._ready = ["dec_" + drawn[at : at + width] for at in range(0, len(drawn), width)]
        return self._ready.pop()


class DecisionTime:
    """The time of a decision, in the forms that answers and the ledger need; formatted once per second."""

    def __init__(self) -> None:
        self._second = -1
        self._formatted = ""
        self._timestamp = 0.0
        self._microsecond = 0
        self.today = date.min
        """The civil day in Asia/Shanghai."""

    def set(self, now: datetime) -> None:
        """Take the time of the next decision."""
        self._timestamp, self._microsecond = now.timestamp(), now.microsecond
        second = int(self._timestamp)
        if second != self._second:
            local = now.astimezone(SHANGHAI)
            self._second, self.today = second, local.date()
            self._formatted = local.isoformat(timespec="seconds")

    @property
    def milliseconds(self) -> int:
        """As ``to_milliseconds``."""
        return round(self._timestamp * 1000)

    @property
    def rfc3339(self) -> str:
        """As ``rules.calendar.rfc3339``."""
        return f"{self._formatted[:19]}.{self._microsecond // 1000:03d}{self._formatted[19:]}"


def allow_body(decision_id: str, check: Check, state: RegisterState, time: DecisionTime, policy: Policy) -> bytes:
    """The answer, with the members of ``response.decision_body`` in their order. The state must have an age."""
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
        time.rfc3339.encode(),
        policy.reference_json,
    )


def _subject(party: Party) -> bytes:
    assert isinstance(party.number, Identifier)
    return _SUBJECT % (party.role.encode(), party.number.masked().encode())


def allow_audit_entry(
    client: Client, lookup: LookupKeys, decision_id: str, body: bytes, time: DecisionTime
) -> DecisionEntry:
    """Its ledger entry, as ``audit_entry.decision_entry`` would make it."""
    check, parties = lookup.check, []
    for party, keys in zip(check.parties, lookup.party_keys, strict=True):
        assert isinstance(party.number, Identifier)
        parties.append(PastParty(party.role, party.number.kind, True, *keys))
    past = encode_check(PastCheck(check.scene, Outcome.ALLOW, tuple(parties), check.amount, check.region))
    account = orjson.dumps(check.account_id)
    return DecisionEntry(
        decision_id,
        time.milliseconds,
        client.id,
        check.operator,
        check.purpose,
        check.scene,
        check.transaction_id,
        _ALLOW,
        b'{"answer":%b,"check":%b,"account_id":%b}' % (body, past, account),
    )
