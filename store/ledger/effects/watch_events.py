"""Events for clients that watch a subject, about listings that their data classes let them see."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from rules.listings.life import State
from rules.listings.listing import Listing, decode_listing
from store.ledger.effects.change import ListingChange
from store.ledger.listing_row import ListingRow
from store.platforms.outbox import EventDraft, EventType
from store.platforms.watches import data_classes_of, watchers_of


class _SubjectEvent(NamedTuple):
    subject_key: str
    type: EventType
    row: ListingRow
    """The row whose listing the event shows."""
    cause: str


async def watch_events(connection: AsyncConnection, changes: Sequence[ListingChange]) -> list[EventDraft]:
    """One event for each watch of a subject that a change concerns."""
    rows = [row for change in changes for row in change if row is not None]
    watchers = await watchers_of(connection, {row.subject_key for row in rows if row.subject_key})
    if not watchers:
        return []
    clients = {watch.client for found in watchers.values() for watch in found}
    classes = await data_classes_of(connection, clients)
    events = []
    for change in changes:
        for event in _subject_events(change):
            assert event.row.listing is not None
            listing = decode_listing(event.row.listing)
            for client, reference in watchers.get(event.subject_key, ()):
                if listing.data_class in classes.get(client, ()):
                    data = {"reference": reference, "cause": event.cause, "listing": _public(listing)}
                    events.append(EventDraft(client, event.type, data))
    return events


def _subject_events(change: ListingChange) -> Iterator[_SubjectEvent]:
    """What the change means for each subject: a correction can take a listing off one and put it on another."""
    before, after = change
    cause = after.change_cause
    if before is not None and before.in_register and before.subject_key and (change.moved or not after.in_register):
        repaired = not change.moved and after.state == State.REPAIRED
        type_ = EventType.LISTING_REPAIRED if repaired else EventType.LISTING_REMOVED
        yield _SubjectEvent(before.subject_key, type_, before, cause)
    if after.in_register and after.subject_key:
        known = change.was_in_register and not change.moved
        type_ = EventType.LISTING_CHANGED if known else EventType.LISTING_LISTED
        yield _SubjectEvent(after.subject_key, type_, after, cause)


def _public(listing: Listing) -> dict[str, Any]:
    """A listing as a watcher sees it: without identifier and name."""
    return {
        "id": listing.key,
        "list": listing.list.value,
        "category": listing.category,
        "severity": listing.severity.value,
        "determination": listing.determination.value,
        "authority": listing.authority,
        "document_no": listing.document_no,
        "determined_on": listing.determined_on.isoformat(),
        "valid_until": listing.valid_until.isoformat() if listing.valid_until else None,
        "objection_open": listing.objection_open,
    }
