"""Clearance tickets: an answer that let a transaction go on, to be shown again when it is committed.

A ticket says what was seen then, by keys and digests only, signed under the deployment's pepper; whether it
still holds is one look-up. It closes the gap between check and use that a bidding takes days to cross.
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


class Seen(Struct, frozen=True, omit_defaults=True, array_like=True):
    """One party as the ticket keeps it: its two keys, and digests of the listings that were found under them."""

    subject_key: str | None
    name_key: str | None
    listings: tuple[str, ...] = ()


class Clearance(Struct, frozen=True):
    """What a ticket says. Moments are milliseconds."""

    decision: str
    client: str
    scene: str
    transaction: str
    account: str | None
    operator: str
    purpose: str
    seen: tuple[Seen, ...]
    epoch: str
    policy: str
    expires: int


class TicketSigner:
    """Makes tickets and reads them."""

    def __init__(self, keys: SubjectKeys) -> None:
        self._keys = keys

    def make(self, clearance: Clearance) -> dict[str, str]:
        """The ticket as it is handed out."""
        said = msgspec.json.encode(clearance)
        token = f"{_text(said)}.{_text(self._keys.ticket(said))}"
        return {"token": token, "expires_at": rfc3339(from_milliseconds(clearance.expires))}

    def read(self, token: str) -> Clearance | None:
        """What a ticket says, if it is one of ours."""
        said, _, signature = token.partition(".")
        try:
            data, given = _bytes(said), _bytes(signature)
        except (binascii.Error, ValueError):
            return None
        if _text(data) != said or _text(given) != signature:
            return None  # base64 leaves spare bits in the last character: one ticket has one spelling
        if not hmac.compare_digest(self._keys.ticket(data), given):
            return None
        return msgspec.json.decode(data, type=Clearance)


def expiry(policy: Policy, scene: str, now: datetime) -> int:
    """Until when a ticket of that scene may be used."""
    return to_milliseconds(now + timedelta(minutes=policy.pack.scenes[scene].ticket_minutes))


def seen(
    party_keys: Sequence[tuple[str | None, str | None]], found: LookUp, visible: Collection[DataClass], today: date
) -> tuple[Seen, ...]:
    """What the register shows of these parties now, to a caller who may see those classes."""
    return tuple(Seen(*keys, tuple(sorted(_digests(_concerning(keys, found), visible, today)))) for keys in party_keys)


def _concerning(keys: tuple[str | None, str | None], found: LookUp) -> Iterable[Listing]:
    """Under the number all; under the name what no whole number of its own tells apart."""
    by_number, by_name = (found.listings.get(key, []) if key else [] for key in keys)
    yield from by_number
    yield from (listing for listing in by_name if keys[0] is None or not listing.filed_by_number)


def _digests(listings: Iterable[Listing], visible: Collection[DataClass], today: date) -> set[str]:
    return {
        blake2b(encode_listing(listing), digest_size=8).hexdigest()
        for listing in listings
        if listing.data_class in visible and in_force(listing.valid_until, today)
    }


def why_void(clearance: Clearance, now_seen: Sequence[Seen], found: LookUp, policy: Policy, today: date) -> str | None:
    """Why a ticket holds no more, from what the register shows now; None when it holds."""
    if clearance.epoch != found.state.epoch:
        return "register_renewed"
    if found.locks:
        return "lock_held"
    for then, after in zip(clearance.seen, now_seen, strict=True):
        if set(after.listings) - set(then.listings):
            return "listing_arrived"
    known = any(then.listings for then in clearance.seen)
    return "policy_changed" if known and _judged_otherwise(clearance, policy, today) else None


def _judged_otherwise(clearance: Clearance, policy: Policy, today: date) -> bool:
    """Whether another policy is in force by now, or a rule of this one has begun to hold since."""
    if clearance.policy != policy.digest:
        return True
    lasting = timedelta(minutes=policy.pack.scenes[clearance.scene].ticket_minutes)
    given_on = civil_day(from_milliseconds(clearance.expires) - lasting)
    rules = policy.rules_of(clearance.scene)
    return any(rule.holds_on(today) and not rule.holds_on(given_on) for rule in rules)


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
