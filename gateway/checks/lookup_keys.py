"""A check with the keys it is looked up by."""

from msgspec import Struct

from gateway.checks.request import Check
from rules.identity.identifiers import Identifier
from rules.identity.names import normalise_name
from rules.identity.subject import SubjectKeys
from rules.policy.matching import Party
from rules.vocabulary import LockScope
from store.platforms.clients import Client

PartyKeys = tuple[str | None, str | None]
"""The register keys of a party: of its number, and of its name."""


class LookupKeys(Struct, frozen=True, gc=False):
    """One check, the register keys of its parties in their order, and the keys of what it could lock."""

    check: Check
    party_keys: list[PartyKeys]
    targets: dict[LockScope, str]

    @property
    def keys(self) -> list[str]:
        """All register keys of its parties."""
        return [key for keys in self.party_keys for key in keys if key]


def lookup_keys_of(keys: SubjectKeys, client: Client, check: Check) -> LookupKeys:
    """The keys of that client's check: of its parties, its transaction and, where given, its account."""
    targets = {LockScope.TRANSACTION: keys.lock_target(client.id, LockScope.TRANSACTION, check.transaction_id)}
    if check.account_id:
        targets[LockScope.ACCOUNT] = keys.lock_target(client.id, LockScope.ACCOUNT, check.account_id)
    return LookupKeys(check, [_party_keys(keys, party) for party in check.parties], targets)


def _party_keys(keys: SubjectKeys, party: Party) -> PartyKeys:
    number = keys.subject(party.number.canonical) if isinstance(party.number, Identifier) else None
    return number, keys.name(normalise_name(party.name)) if party.name else None
