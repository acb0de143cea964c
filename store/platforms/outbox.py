"""The outbox of events for clients: written in the transaction of the change that they report, read in one order.

listing.listed  listing.changed  listing.repaired  listing.removed   a watched subject
lock.released   lock.lifted      lock.expired                        a lock of the client
decision.corrected                                                   an earlier answer was wrong
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

import orjson
from msgspec import Struct
from sqlalchemy import RowMapping, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from rules.calendar import from_milliseconds, rfc3339
from store.db.hash_chain import HashChain
from store.db.schema import client_events, webhook_deliveries, webhooks


class EventType(StrEnum):
    """The type of an event, a part of the HTTP interface."""

    LISTING_LISTED = "listing.listed"
    LISTING_CHANGED = "listing.changed"
    LISTING_REPAIRED = "listing.repaired"
    LISTING_REMOVED = "listing.removed"
    LOCK_RELEASED = "lock.released"
    LOCK_LIFTED = "lock.lifted"
    LOCK_EXPIRED = "lock.expired"
    DECISION_CORRECTED = "decision.corrected"


class EventDraft(Struct, frozen=True):
    """One event for one client, not written yet. ``data`` becomes JSON."""

    client: str
    type: EventType
    data: Mapping[str, Any]


class ClientEvent(Struct, frozen=True):
    """One event. ``id`` grows in the order in which events are committed; ``created_at`` is in milliseconds."""

    id: int
    created_at: int
    client: str
    type: str
    data: bytes

    def body(self) -> bytes:
        """The event as it is sent, in the form of the Standard Webhooks specification."""
        head = {"type": self.type, "timestamp": rfc3339(from_milliseconds(self.created_at))}
        return orjson.dumps(head | {"data": orjson.Fragment(self.data)})


async def append_events(connection: AsyncConnection, chain: HashChain, drafts: Sequence[EventDraft], now: int) -> None:
    """Write events, with a delivery for each client that has a webhook, inside the caller's transaction."""
    if not drafts:
        return
    rows: list[dict[str, Any]] = [
        {"created_at": now, "client": item.client, "type": item.type.value, "data": orjson.dumps(item.data)}
        for item in drafts
    ]
    await chain.append(connection, client_events, rows)
    clients = {row["client"] for row in rows}
    query = select(webhooks.c.client).where(webhooks.c.client.in_(clients))
    with_webhook = set((await connection.execute(query)).scalars())
    deliveries = [
        {"event_id": row["id"], "client": row["client"], "state": "pending", "attempts": 0, "next_at": now}
        for row in rows
        if row["client"] in with_webhook
    ]
    if deliveries:
        await connection.execute(insert(webhook_deliveries), deliveries)


class EventStore:
    """Events in SQL, read only."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def last_id(self) -> int:
        """The id of the last event of any client; 0 when there is none."""
        async with self._engine.connect() as connection:
            return (await connection.execute(select(func.max(client_events.c.id)))).scalar() or 0

    async def after(self, client: str, event_id: int, limit: int = 200) -> list[ClientEvent]:
        """A client's events after that id, oldest first."""
        query = (
            select(client_events)
            .where(client_events.c.client == client, client_events.c.id > event_id)
            .order_by(client_events.c.id)
            .limit(limit)
        )
        async with self._engine.connect() as connection:
            rows = (await connection.execute(query)).mappings()
            return [event_of(row) for row in rows]


def event_of(row: RowMapping) -> ClientEvent:
    """An event from its row."""
    return ClientEvent(row["id"], row["created_at"], row["client"], row["type"], row["data"])
