"""The clearance of a check: what its ticket says."""

from gateway.checks.lookup_keys import LookupKeys
from gateway.checks.response import DecisionContext
from gateway.tickets.signer import Clearance, expiry, party_snapshots
from rules.calendar import civil_day
from rules.policy.pack import Policy
from rules.vocabulary import LockScope
from store.platforms.clients import Client
from store.register.reader import LookUp


def clearance_of(
    client: Client, lookup: LookupKeys, found: LookUp, context: DecisionContext, policy: Policy
) -> Clearance:
    """The clearance for a decision that lets the transaction go on. ``found`` is what the register showed."""
    check = context.check
    return Clearance(
        decision=context.decision_id,
        client=client.id,
        scene=check.scene,
        transaction=lookup.targets[LockScope.TRANSACTION],
        account=lookup.targets.get(LockScope.ACCOUNT),
        operator=check.operator,
        purpose=check.purpose,
        seen=party_snapshots(lookup.party_keys, found, client.grants.classes, civil_day(context.now)),
        epoch=found.state.epoch,
        policy=policy.digest,
        expires=expiry(policy, check.scene, context.now),
    )
