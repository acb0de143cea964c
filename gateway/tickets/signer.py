"""Clearance tickets: an answer that let a transaction pass, presented again when the transaction is committed.

A ticket says what the register showed at the check, as keys and digests only, signed under the deployment's pepper.
One look-up tells whether it still holds. It closes the gap between check and use, which is days long in a bidding.
"""

import base64
import binascii
import hmac
from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime, timedelta
from hashlib import blake2b

import msgspec
from msgspec import Struct

from rules.calendar import civil_day, from_milliseconds, rfc3339, to_milliseconds
from rules.identity.subject import SubjectKeys
from rules.listings.listing import Listing, encode_listing
from rules.listings.validity import in_force
from rules.policy.pack import Policy
from rules.vocabulary import DataClass
from store.register.reader import LookUp


class PartySnapshot(Struct, frozen=True, omit_defaults=True, array_like=True):
    """One party in a ticket: its two register keys, and digests of the listings that were found under them."""

    subject_key: str | None
    name_key: str | None
    listings: tuple[str, ...] = ()


class Clearance(Struct, frozen=True):
    """The content of a ticket. Times are milliseconds."""

    decision: str
    client: str
    scene: str
    transaction: str
    account: str | None
    operator: str
    purpose: str
    seen: tuple[PartySnapshot, ...]
    epoch: str
    policy: str
    expires: int


class TicketSigner:
    """Signs tickets, and reads those that it signed."""

    def __init__(self, keys: SubjectKeys) -> None:
        self._keys = keys

    def make(self, clearance: Clearance) -> dict[str, str]:
        """The ticket in the form of an answer."""
        content = msgspec.json.encode(clearance)
        token = f"{_text(content)}.{_text(self._keys.ticket(content))}"
        return {"token": token, "expires_at": rfc3339(from_milliseconds(clearance.expires))}

    def read(self, token: str) -> Clearance | None:
        """The content of a ticket; None unless it was signed here and is spelled as it was issued."""
        text, _, signature = token.partition(".")
        try:
            content, given = _bytes(text), _bytes(signature)
        except (binascii.Error, ValueError):
            return None
        if _text(content) != text or _text(given) != signature:
            return None  # base64 has spare bits in the last character: only one spelling of a ticket is valid
        if not hmac.compare_digest(self._keys.ticket(content), given):
            return None
        return msgspec.json.decode(content, type=Clearance)


def expiry(policy: Policy, scene: str, now: datetime) -> int:
    """When a ticket of that scene expires, in milliseconds."""
    return to_milliseconds(now + timedelta(minutes=policy.pack.scenes[scene].ticket_minutes))


def party_snapshots(
    party_keys: Sequence[tuple[str | None, str | None]], found: LookUp, visible: Collection[DataClass], today: date
) -> tuple[PartySnapshot, ...]:
    """What the register shows of these parties, to a caller who may see those classes."""
    return tuple(
        PartySnapshot(*keys, tuple(sorted(_digests(_concerning(keys, found), visible, today)))) for keys in party_keys
    )


def _concerning(keys: tuple[str | None, str | None], found: LookUp) -> Iterable[Listing]:
    """All listings under the number; under the name those that have no whole number of their own."""
    by_number, by_name = (found.listings.get(key, []) if key else [] for key in keys)
    yield from by_number
    yield from (listing for listing in by_name if keys[0] is None or not listing.filed_by_number)


def _digests(listings: Iterable[Listing], visible: Collection[DataClass], today: date) -> set[str]:
    return {
        blake2b(encode_listing(listing), digest_size=8).hexdigest()
        for listing in listings
        if listing.data_class in visible and in_force(listing.valid_until, today)
    }


def void_reason(
    clearance: Clearance, snapshots: Sequence[PartySnapshot], found: LookUp, policy: Policy, today: date
) -> str | None:
    """Why a ticket is void, by what the register shows now (``snapshots``, ``found``); None when it holds."""
    if clearance.epoch != found.state.epoch:
        return "register_renewed"
    if found.locks:
        return "lock_held"
    for before, now in zip(clearance.seen, snapshots, strict=True):
        if set(now.listings) - set(before.listings):
            return "listing_arrived"
    listed = any(before.listings for before in clearance.seen)
    return "policy_changed" if listed and _policy_changed(clearance, policy, today) else None


def _policy_changed(clearance: Clearance, policy: Policy, today: date) -> bool:
    """Whether another policy is in force, or a rule of this one took effect after the ticket was issued."""
    if clearance.policy != policy.digest:
        return True
    lifetime = timedelta(minutes=policy.pack.scenes[clearance.scene].ticket_minutes)
    issued_on = civil_day(from_milliseconds(clearance.expires) - lifetime)
    rules = policy.rules_of(clearance.scene)
    return any(rule.holds_on(today) and not rule.holds_on(issued_on) for rule in rules)


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
