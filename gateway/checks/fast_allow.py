"""The fast allow: a check whose parties have no listing is answered from memory, without waiting for anything.

request ─▶ keys ─▶ register current? feeds reliable? ─▶ no listing, no lock possible ─▶ audit ─▶ response

Of any other check the lookup keys are returned, for the full decision; nothing was recorded.
"""

from collections.abc import Callable, Set
from dataclasses import dataclass, field
from datetime import datetime

from gateway.audit.buffer import AuditBuffer
from gateway.checks.fast_allow_response import DecisionIds, DecisionTime, allow_audit_entry, allow_body
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
    """Allows what certainly has no listing and no lock. ``clock`` gives the current time, with its zone."""

    replica: Replica
    freshness: DataFreshness
    keys: SubjectKeys
    policy_store: PolicyStore
    audit: AuditBuffer
    clock: Callable[[], datetime]
    _time: DecisionTime = field(default_factory=DecisionTime)
    _ids: DecisionIds = field(default_factory=DecisionIds)

    def try_allow(
        self, client: Client, request: CheckRequest, open_targets: Set[str] = frozenset()
    ) -> bytes | LookupKeys:
        """The answer, recorded; or the lookup keys where a full decision is needed.

        ``open_targets`` are lock targets of earlier checks that are not decided yet. Raises ``ProblemError`` when
        the request is invalid or the audit is full.
        """
        self._time.set(self.clock())
        policy = self.policy_store.current
        lookup = lookup_keys_of(self.keys, client, check_from(request, client, policy, self._time.today))
        state = self._state_without_listings(lookup, policy)
        if state is None or (open_targets and not open_targets.isdisjoint(lookup.targets.values())):
            return lookup
        decision_id = self._ids.next()
        body = allow_body(decision_id, lookup.check, state, self._time, policy)
        self.audit.put(allow_audit_entry(client, lookup, decision_id, body, self._time))
        return body

    def _state_without_listings(self, lookup: LookupKeys, policy: Policy) -> RegisterState | None:
        """The register's state where it certainly has no listing of a party and no lock of a target; else None."""
        check, replica = lookup.check, self.replica
        state = replica.current_state()
        if state is None or check.ticket or check.max_staleness_ms is not None:
            return None
        if self.freshness.unknowns(policy.pack.scenes[check.scene], state, None):
            return None
        for party in check.parties:
            if not isinstance(party.number, Identifier):
                return None
        for number, name in lookup.party_keys:
            if (number and replica.may_have_listing(number)) or (name and replica.may_have_listing(name)):
                return None
        for target in lookup.targets.values():
            if replica.may_be_locked(target):
                return None
        return state
