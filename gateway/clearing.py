"""Cleared at once: a check whose parties are under nothing is answered from memory, without waiting for anything.

body ─▶ check ─▶ register current? feeds in order? ─▶ no listing, no lock possible ─▶ rate ─▶ on record ─▶ answer

Whatever is not plainly so is not for here, and nothing was done about it: the desk takes it up from the start.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from gateway.audit import Audit
from gateway.check_request import Check, asked_from, check_from
from gateway.clear_answer import DecisionIds, Moment, PartyKeys, clear_body, clear_entry
from gateway.doubts import Doubts
from gateway.policy_shelf import PolicyShelf
from gateway.problems import Problem
from register.clients import Client
from register.register_reader import RegisterState
from register.replica import Replica
from rules.identifiers import Identifier
from rules.names import normalise_name
from rules.policy import Policy
from rules.subject import SubjectKeys
from rules.vocabulary import LockScope


@dataclass(slots=True)
class Cleared:
    """A check that is clear, before anything was done about it."""

    check: Check
    party_keys: list[PartyKeys]
    state: RegisterState
    policy: Policy


@dataclass(frozen=True, slots=True)
class Clearing:
    """Clears what is plainly clear. ``clock`` gives the moment, with its zone."""

    replica: Replica
    doubts: Doubts
    keys: SubjectKeys
    shelf: PolicyShelf
    audit: Audit
    clock: Callable[[], datetime]
    _moment: Moment = field(default_factory=Moment)
    _ids: DecisionIds = field(default_factory=DecisionIds)

    def look(self, client: Client, body: bytes | msgspec.Raw) -> Cleared | None:
        """The check in that body if it is clear, else None. Does nothing, and raises nothing."""
        state = self.replica.known()
        if state is None:
            return None
        self._moment.be(self.clock())
        policy = self.shelf.current
        try:
            check = check_from(asked_from(body), client, policy, self._moment.day)
        except Problem:
            return None
        if check.ticket or check.max_staleness_ms is not None:
            return None
        if self.doubts.about(policy.pack.scenes[check.scene], state, None):
            return None
        party_keys = self._party_keys(client, check)
        return None if party_keys is None else Cleared(check, party_keys, state, policy)

    def answer(self, client: Client, cleared: Cleared) -> bytes:
        """Put it on record and answer. Raises ``Problem`` when the audit is full."""
        check, decision_id = cleared.check, self._ids.next()
        body = clear_body(decision_id, check, cleared.state, self._moment, cleared.policy)
        self.audit.put(clear_entry(client, check, cleared.party_keys, decision_id, body, self._moment))
        return body

    def _party_keys(self, client: Client, check: Check) -> list[PartyKeys] | None:
        """Where the parties may be filed; None unless it is certain that nothing is there, nor any lock."""
        found: list[PartyKeys] = []
        for party in check.parties:
            if not isinstance(party.number, Identifier):
                return None
            key, name_key = self.keys.subject(party.number.canonical), None
            if self.replica.may_hold(key):
                return None
            if party.name:
                name_key = self.keys.name(normalise_name(party.name))
                if self.replica.may_hold(name_key):
                    return None
            found.append((key, name_key))
        if self._may_be_locked(client, LockScope.TRANSACTION, check.transaction_id):
            return None
        if check.account_id and self._may_be_locked(client, LockScope.ACCOUNT, check.account_id):
            return None
        return found

    def _may_be_locked(self, client: Client, scope: LockScope, target: str) -> bool:
        return self.replica.may_be_locked(self.keys.lock_target(client.id, scope, target))
