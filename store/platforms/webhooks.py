"""Where clients are called, and the state of each call: delivered at least once, or parked after about a day."""

from typing import Any, NamedTuple

from msgspec import Struct
from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from store.db.engine import for_update, upsert, writing
from store.db.schema import client_events, webhook_deliveries, webhooks
from store.platforms.outbox import ClientEvent, event_of

OLD_SECRET_VALID_MS = 24 * 3_600_000
"""How long the secret before the last rotation signs too."""
CLAIM_MS = 60_000
"""How long a claimed call is left to the worker that claimed it."""
BACKOFF_MS = tuple(seconds * 1000 for seconds in (5, 30, 120, 600, 1800, 3600, 7200, 14_400, 28_800, 28_800))
"""The pauses before each retry, about a day in all. Then the call is parked."""


class Webhook(Struct, frozen=True):
    """Where a client is called. ``generation`` numbers its secrets."""

    client: str
    url: str
    generation: int
    old_secret_until: int
    created_at: int


class WebhookCall(Struct, frozen=True):
    """One call to make. ``attempts`` were made before."""

    event: ClientEvent
    webhook: Webhook
    attempts: int


class WebhookDelivery(NamedTuple):
    """The state of a call: pending, delivered or parked. Moments are in milliseconds."""

    event_id: int
    type: str
    created_at: int
    state: str
    attempts: int
    next_at: int
    last_answer: str | None


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
        """Start a new secret; the one before signs too for a day. None when the client has no webhook."""
        fresh = {"generation": webhooks.c.generation + 1, "old_secret_until": now + OLD_SECRET_VALID_MS}
        async with self._writer.begin() as connection:
            await connection.execute(update(webhooks).where(webhooks.c.client == client).values(fresh))
        return await self.find(client)

    async def remove(self, client: str) -> bool:
        """Remove a client's webhook and its calls. False when there was no webhook."""
        async with self._writer.begin() as connection:
            await connection.execute(delete(webhook_deliveries).where(webhook_deliveries.c.client == client))
            return (await connection.execute(delete(webhooks).where(webhooks.c.client == client))).rowcount > 0

    async def claim_due(self, now: int, limit: int = 50) -> list[WebhookCall]:
        """Claim calls that are due: no other worker claims them for ``CLAIM_MS``."""
        due = (webhook_deliveries.c.state == "pending") & (webhook_deliveries.c.next_at <= now)
        async with self._engine.connect() as connection:
            if (await connection.execute(select(webhook_deliveries.c.event_id).where(due).limit(1))).first() is None:
                return []
        async with self._writer.begin() as connection:
            query = select(webhook_deliveries).where(due).order_by(webhook_deliveries.c.next_at).limit(limit)
            rows = (await connection.execute(for_update(connection, query))).mappings().all()
            ids = [row["event_id"] for row in rows]
            claimed = update(webhook_deliveries).where(webhook_deliveries.c.event_id.in_(ids))
            await connection.execute(claimed.values(next_at=now + CLAIM_MS))
            found = select(client_events).where(client_events.c.id.in_(ids))
            events = {row["id"]: event_of(row) for row in (await connection.execute(found)).mappings()}
            owners = select(webhooks).where(webhooks.c.client.in_({row["client"] for row in rows}))
            hooks = {row["client"]: Webhook(**row) for row in (await connection.execute(owners)).mappings()}
        return [WebhookCall(events[row["event_id"]], hooks[row["client"]], row["attempts"]) for row in rows]

    async def delivered(self, call: WebhookCall, answer: str, now: int) -> None:
        """Record that the client accepted the call."""
        await self._finish(call, {"state": "delivered", "last_answer": answer, "next_at": now})

    async def failed(self, call: WebhookCall, answer: str, now: int) -> bool:
        """Record that the client did not accept the call: it is retried later, or parked. True when it is parked."""
        parked = call.attempts >= len(BACKOFF_MS)
        next_at = now if parked else now + BACKOFF_MS[call.attempts]
        state = "parked" if parked else "pending"
        await self._finish(call, {"state": state, "last_answer": answer, "next_at": next_at})
        return parked

    async def replay(self, client: str, event_id: int, now: int) -> bool:
        """Make the call for that event again, whatever its state; False when there is no such call."""
        mine = (webhook_deliveries.c.client == client) & (webhook_deliveries.c.event_id == event_id)
        fresh = {"state": "pending", "attempts": 0, "next_at": now}
        async with self._writer.begin() as connection:
            return (await connection.execute(update(webhook_deliveries).where(mine).values(fresh))).rowcount > 0

    async def page(self, client: str, state: str | None, after: int, limit: int) -> list[WebhookDelivery]:
        """A client's calls after that event id, in their order."""
        calls, events = webhook_deliveries.c, client_events.c
        state_columns = (calls.state, calls.attempts, calls.next_at, calls.last_answer)
        query = (
            select(calls.event_id, events.type, events.created_at, *state_columns)
            .join(client_events, events.id == calls.event_id)
            .where(calls.client == client, calls.event_id > after)
        )
        if state is not None:
            query = query.where(calls.state == state)
        async with self._engine.connect() as connection:
            ordered = query.order_by(calls.event_id).limit(limit)
            return [WebhookDelivery(*row) for row in await connection.execute(ordered)]

    async def _finish(self, call: WebhookCall, fresh: dict[str, Any]) -> None:
        values = fresh | {"attempts": call.attempts + 1}
        mine = webhook_deliveries.c.event_id == call.event.id
        async with self._writer.begin() as connection:
            await connection.execute(update(webhook_deliveries).where(mine).values(values))
