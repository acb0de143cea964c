"""Where clients are called, and the state of every call: at least once, and parked in sight after a day."""

from collections.abc import Sequence
from typing import Any

from msgspec import Struct
from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from store.db.engine import for_update, upsert, writing
from store.db.schema import client_events, webhook_deliveries, webhooks
from store.platforms.outbox import ClientEvent, event_of

OVERLAP = 24 * 3_600_000
"""Milliseconds for which the secret before the last rotation still signs."""
LEASE = 60_000
"""Milliseconds for which a call that was taken up is left alone by other workers."""
_SECOND, _HOUR = 1000, 3_600_000
BACKOFF = (
    *(5 * _SECOND, 30 * _SECOND, 120 * _SECOND, 600 * _SECOND, 1800 * _SECOND),
    *(_HOUR, 2 * _HOUR, 4 * _HOUR, 8 * _HOUR, 8 * _HOUR),
)
"""Milliseconds until the next try: about a day in all. Then the call is parked."""


class Webhook(Struct, frozen=True):
    """Where a client is called. ``generation`` numbers its secrets."""

    client: str
    url: str
    generation: int
    old_secret_until: int
    created_at: int


class Call(Struct, frozen=True):
    """One call to make."""

    event: ClientEvent
    webhook: Webhook
    attempts: int


class WebhookStore:
    """Webhooks and their calls in SQL. ``now`` is in milliseconds everywhere."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._writer = writing(engine)

    async def put(self, client: str, url: str, now: int) -> tuple[Webhook, bool]:
        """Set where a client is called; the webhook, and whether it is new."""
        known = await self.find(client)
        row = {"client": client, "url": url, "generation": 1, "old_secret_until": 0, "created_at": now}
        async with self._writer.begin() as connection:
            await upsert(connection, webhooks, [row], updated=["url"])
        found = await self.find(client)
        assert found is not None
        return found, known is None

    async def find(self, client: str) -> Webhook | None:
        """A client's webhook, or None."""
        async with self._engine.connect() as connection:
            row = (await connection.execute(select(webhooks).where(webhooks.c.client == client))).mappings().first()
        return Webhook(**row) if row else None

    async def rotate(self, client: str, now: int) -> Webhook | None:
        """Begin a new secret; the one before signs too for a day. None when the client has no webhook."""
        fresh = {"generation": webhooks.c.generation + 1, "old_secret_until": now + OVERLAP}
        async with self._writer.begin() as connection:
            await connection.execute(update(webhooks).where(webhooks.c.client == client).values(fresh))
        return await self.find(client)

    async def remove(self, client: str) -> bool:
        """Call a client no more; what waited falls with it. False when there was no webhook."""
        async with self._writer.begin() as connection:
            await connection.execute(delete(webhook_deliveries).where(webhook_deliveries.c.client == client))
            return (await connection.execute(delete(webhooks).where(webhooks.c.client == client))).rowcount > 0

    async def take_due(self, now: int, limit: int = 50) -> list[Call]:
        """Take up calls that are due; other workers leave them alone for a while."""
        due = (webhook_deliveries.c.state == "pending") & (webhook_deliveries.c.next_at <= now)
        async with self._engine.connect() as connection:
            if (await connection.execute(select(webhook_deliveries.c.event_id).where(due).limit(1))).first() is None:
                return []
        async with self._writer.begin() as connection:
            query = select(webhook_deliveries).where(due).order_by(webhook_deliveries.c.next_at).limit(limit)
            rows = (await connection.execute(for_update(connection, query))).mappings().all()
            ids = [row["event_id"] for row in rows]
            taken = update(webhook_deliveries).where(webhook_deliveries.c.event_id.in_(ids))
            await connection.execute(taken.values(next_at=now + LEASE))
            found = select(client_events).where(client_events.c.id.in_(ids))
            events = {row["id"]: event_of(dict(row)) for row in (await connection.execute(found)).mappings()}
            hooked = select(webhooks).where(webhooks.c.client.in_({row["client"] for row in rows}))
            hooks = {row["client"]: Webhook(**row) for row in (await connection.execute(hooked)).mappings()}
        return [Call(events[row["event_id"]], hooks[row["client"]], row["attempts"]) for row in rows]

    async def delivered(self, call: Call, answer: str, now: int) -> None:
        """The client took it."""
        await self._note(call, {"state": "delivered", "last_answer": answer, "next_at": now})

    async def failed(self, call: Call, answer: str, now: int) -> bool:
        """The client did not take it: later again, or parked. True when it is parked."""
        parked = call.attempts >= len(BACKOFF)
        again = now if parked else now + BACKOFF[call.attempts]
        await self._note(call, {"state": "parked" if parked else "pending", "last_answer": answer, "next_at": again})
        return parked

    async def replay(self, client: str, event_id: int, now: int) -> bool:
        """Call again for that event, whatever became of it; False when there is no such call."""
        mine = (webhook_deliveries.c.client == client) & (webhook_deliveries.c.event_id == event_id)
        fresh = {"state": "pending", "attempts": 0, "next_at": now}
        async with self._writer.begin() as connection:
            return (await connection.execute(update(webhook_deliveries).where(mine).values(fresh))).rowcount > 0

    async def page(self, client: str, state: str | None, after: int, limit: int) -> Sequence[Any]:
        """A client's calls, by event id."""
        query = (
            select(webhook_deliveries, client_events.c.type, client_events.c.created_at)
            .join(client_events, client_events.c.id == webhook_deliveries.c.event_id)
            .where(webhook_deliveries.c.client == client, webhook_deliveries.c.event_id > after)
        )
        if state is not None:
            query = query.where(webhook_deliveries.c.state == state)
        async with self._engine.connect() as connection:
            ordered = query.order_by(webhook_deliveries.c.event_id).limit(limit)
            return (await connection.execute(ordered)).mappings().all()

    async def _note(self, call: Call, fresh: dict[str, Any]) -> None:
        values = fresh | {"attempts": call.attempts + 1}
        mine = webhook_deliveries.c.event_id == call.event.id
        async with self._writer.begin() as connection:
            await connection.execute(update(webhook_deliveries).where(mine).values(values))
