"""Clients and what they subscribe to.

``clients``              registered callers with the hash of their key
``watches``              the subjects that a client watches, by key
``client_events``        the outbox: every event for a client; chained
``webhooks``             where a client is called
``webhook_deliveries``   the state of each call
"""

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, String, Table

from store.db.columns import metadata, row_id

clients = Table(
    "clients",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("key_hash", String(64), nullable=False, unique=True),
    Column("grants", LargeBinary, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("revoked_at", BigInteger),
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
