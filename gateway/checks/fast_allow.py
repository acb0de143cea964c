"""Cleared at once: a check whose parties are under nothing is answered from memory, without waiting for anything.

form ─▶ question ─▶ register current? feeds in order? ─▶ no listing, no lock possible ─▶ on record ─▶ answer

Whatever is not plainly so is not for here: the question comes back, with nothing done about it, for the desk.
"""

from collections.abc import Callable, Set
from dataclasses import dataclass, field
from datetime import datetime

from gateway.audit.buffer import AuditBuffer
from gateway.checks.fast_allow_response import DecisionIds, Moment, allow_audit_entry, allow_body
from gateway.checks.lookup_keys import LookupKeys, lookup_keys_of
from gateway.checks.request import CheckRequest, check_from
from gateway.data_freshness import DataFreshness
from gateway.policy_store import PolicyStore
from rules.identity.identifiers import Identifier
from rules.identity.subject import SubjectKeys
from rules.policy.pack import Policy
from store.platforms.clients import Client
from store.register.reader import RegisterState
from store.replica.replica import Replica


@dataclass(frozen=True, slots=True)
class FastAllow:
    """Clears what is plainly clear. ``clock`` gives the moment, with its zone."""

    replica: Replica
    freshness: DataFreshness
    keys: SubjectKeys
    policy_store: PolicyStore
    audit: AuditBuffer
    clock: Callable[[], datetime]
    _moment: Moment = field(default_factory=Moment)
    _ids: DecisionIds = field(default_factory=DecisionIds)

    def at_once(self, client: Client, asked: CheckRequest, open_targets: Set[str] = frozenset()) -> bytes | LookupKeys:
        """The answer, put on record; or the question where it takes more, or touches an open target.

        Raises ``ProblemError`` saying what is wrong with the form, or when the audit is full.
        """
        self._moment.be(self.clock())
        policy = self.policy_store.current
        question = lookup_keys_of(self.keys, client, check_from(asked, client, policy, self._moment.day))
        state = self._clear(question, policy)
        if state is None or (open_targets and not open_targets.isdisjoint(question.targets.values())):
            return question
        decision_id = self._ids.next()
        body = allow_body(decision_id, question.check, state, self._moment, policy)
        self.audit.put(allow_audit_entry(client, question, decision_id, body, self._moment))
        return body

    def _clear(self, question: LookupKeys, policy: Policy) -> RegisterState | None:
        """The state of the register by which it is certain that nothing is there, nor any lock; else None."""
        check, replica = question.check, self.replica
        state = replica.current_state()
        if state is None or check.ticket or check.max_staleness_ms is not None:
            return None
        if self.freshness.about(policy.pack.scenes[check.scene], state, None):
            return None
        for party in check.parties:
            if not isinstance(party.number, Identifier):
                return None
        for number, name in question.party_keys:
            if (number and replica.may_have_listing(number)) or (name and replica.may_have_listing(name)):
                return None
        for target in question.targets.values():
            if replica.may_be_locked(target):
                return None
        return state
