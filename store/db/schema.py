"""Every table of the ledger, and which of them are chained.

Moments are milliseconds since 1970 (UTC). Chained tables are append-only: each row is sealed over the one before
it (``store.db.hash_chain``), and triggers in the database refuse updates and deletes (see the migrations). The
other tables hold state; each of their changes is in a chained table too, or carries its moment.
"""

from sqlalchemy import Table

from store.db.client_tables import client_events, clients, watches, webhook_deliveries, webhooks
from store.db.columns import metadata
from store.db.decision_tables import decision_listings, decisions, feedback
from store.db.feed_tables import feed_events, feed_status, hold_changes, holds, receipts
from store.db.listing_tables import listings, notices
from store.db.lock_tables import lock_changes, lock_listings, locks

CHAINED: tuple[Table, ...] = (
    feed_events,
    receipts,
    decisions,
    lock_changes,
    hold_changes,
    notices,
    feedback,
    client_events,
)

__all__ = [
    "CHAINED",
    "client_events",
    "clients",
    "decision_listings",
    "decisions",
    "feed_events",
    "feed_status",
    "feedback",
    "hold_changes",
    "holds",
    "listings",
    "lock_changes",
    "lock_listings",
    "locks",
    "metadata",
    "notices",
    "receipts",
    "watches",
    "webhook_deliveries",
    "webhooks",
]
