"""Events for clients whose earlier answer counted a listing that was annulled or corrected (办法一 Art. 16)."""

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from rules.calendar import from_milliseconds, rfc3339
from store.db.schema import decision_listings, decisions
from store.ledger.listing_row import ListingRow
from store.platforms.outbox import EventDraft, EventType

_DECISIONS_PER_EVENT = 100


async def correction_events(
    connection: AsyncConnection, wrong: Mapping[str, ListingRow], decision_ids: Collection[str] | None = None
) -> list[EventDraft]:
    """Events about the decisions that counted these listings; only about ``decision_ids`` where given."""
    if not wrong:
        return []
    query = (
        select(decision_listings.c.listing_key, decisions)
        .join(decisions, decisions.c.id == decision_listings.c.decision_id)
        .where(decision_listings.c.listing_key.in_(wrong))
        .order_by(decisions.c.decided_at)
    )
    if decision_ids is not None:
        query = query.where(decision_listings.c.decision_id.in_(decision_ids))
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in (await connection.execute(query)).mappings():
        item = {"id": row["id"], "scene": row["scene"], "transaction_id": row["transaction_id"]}
        item |= {"outcome": row["outcome"], "decided_at": rfc3339(from_milliseconds(row["decided_at"]))}
        found.setdefault((row["client"], row["listing_key"]), []).append(item)
    return [
        EventDraft(
            client,
            EventType.DECISION_CORRECTED,
            {
                "listing": key,
                "cause": wrong[key].change_cause,
                "decisions": items[start : start + _DECISIONS_PER_EVENT],
            },
        )
        for (client, key), items in found.items()
        for start in range(0, len(items), _DECISIONS_PER_EVENT)
    ]
