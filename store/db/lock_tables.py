"""Locks of transactions and accounts.

``locks``           one row per lock; one held lock at most per target
``lock_listings``   the listings that support a lock; a lock without any rests on missing data
``lock_changes``    the history of each lock; chained
"""

from sqlalchemy import BigInteger, Column, Index, String, Table, Text, UniqueConstraint, text

from store.db.columns import ADDED_LATER, chain_columns, metadata, row_id

locks = Table(
    "locks",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("client", String(64), nullable=False),
    Column("scope", String(16), nullable=False),
    Column("target", String(128), nullable=False),
    Column("target_key", String(32), nullable=False),
    Column("scene", String(64), nullable=False),
    Column("decision_id", String(40), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("state", String(16), nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("due_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
    Index(
        "locks_one_held_per_target",
        "target_key",
        unique=True,
        sqlite_where=text("ended_at IS NULL"),
        postgresql_where=text("ended_at IS NULL"),
    ),
    Index("locks_by_target", "target_key", "created_at"),
    Index("locks_by_client", "client", "created_at", "id"),
    Index("locks_by_expiry", "state", "expires_at"),
)

lock_listings = Table(
    "lock_listings",
    metadata,
    Column("lock_id", String(40), primary_key=True),
    Column("listing_key", String(32), primary_key=True),
    Index("lock_listings_by_listing", "listing_key"),
)

lock_changes = Table(
    "lock_changes",
    metadata,
    Column("id", row_id, primary_key=True, autoincrement=True),
    Column("lock_id", String(40), nullable=False, index=True),
    Column("changed_at", BigInteger, nullable=False),
    Column("state", String(16), nullable=False),
    Column("client", String(64), nullable=False),
    Column("operator", String(128)),
    Column("reason", Text),
    Column("document_no", String(128), info=ADDED_LATER),
    *chain_columns("lock_changes"),
    UniqueConstraint("lock_id", "state", name="lock_changes_once_each"),
)
