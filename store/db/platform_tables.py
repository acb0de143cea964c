"""The tables of the platform's side: what rests on listings, what platforms reported, and what they are told.

``feedback`` and ``client_events`` are chained and append-only. ``lock_listings`` and ``decision_listings`` only
find locks and decisions by a listing; ``watches``, ``webhooks`` and ``webhook_deliveries`` hold state.
"""

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, LargeBinary, String, Table, Text

from store.db.schema import CHAINED, links, metadata, row_id

lock_listings = Table(
    "lock_listings",
    metadata,
    Column("lock_id", String(40), primary_key=True),
    Column("listing_key", String(32), primary_key=True),
    Index("lock_listings_by_listing", "listing_key"),
)

decision_listings = Table(
    "decision_listings",
    metadata,
    Column("listing_key", String(32), primary_key=True),
    Column("decision_id", String(40), primary_key=True),
)

feedback = Table(
    "feedback",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("decision_id", String(40), nullable=False, index=True),
    Column("given_at", BigInteger, nullable=False),
    Column("client", String(64), nullable=False),
    Column("operator", String(128), nullable=False),
    Column("carried_out", Boolean, nullable=False),
    Column("measures", LargeBinary, nullable=False),
    Column("reason", Text),
    Column("approved_by", String(128)),
    Column("document_no", String(128)),
    Column("corrects", String(40), unique=True),
    *links("feedback"),
)

watches = Table(
    "watches",
    metadata,
    Column("client", String(64), primary_key=True),
    Column("reference", String(128), primary_key=True),
    Column("subject_key", String(32), nullable=False, index=True),
    Column("created_at", BigInteger, nullable=False),
)

client_events = Table(
    "client_events",
    metadata,
    Column("id", row_id, primary_key=True, autoincrement=True),
    Column("created_at", BigInteger, nullable=False),
    Column("client", String(64), nullable=False),
    Column("type", String(32), nullable=False),
    Column("data", LargeBinary, nullable=False),
    Column("chain", String(32)),
    Index("client_events_by_client", "client", "id"),
)

webhooks = Table(
    "webhooks",
    metadata,
    Column("client", String(64), primary_key=True),
    Column("url", String(2048), nullable=False),
    Column("generation", Integer, nullable=False),
    Column("old_secret_until", BigInteger, nullable=False, server_default="0"),
    Column("created_at", BigInteger, nullable=False),
)

webhook_deliveries = Table(
    "webhook_deliveries",
    metadata,
    Column("event_id", BigInteger, primary_key=True),
    Column("client", String(64), nullable=False),
    Column("state", String(16), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_at", BigInteger, nullable=False),
    Column("first_at", BigInteger),
    Column("last_answer", String(64)),
    Index("webhook_deliveries_due", "state", "next_at"),
    Index("webhook_deliveries_by_client", "client", "state", "event_id"),
)

ALL_CHAINED = (*CHAINED, feedback, client_events)
"""Every table of the ledger proper."""
