"""The ledger's tables and how to reach them: SQLite in embedded mode, PostgreSQL in production.

Moments are milliseconds since 1970 (UTC). ``feed_events``, ``decisions``, ``receipts`` and ``lock_changes``
are append-only, and the database refuses anything else (see the migrations). ``clients`` and ``locks`` hold
state, whose every change is also in the ledger or carries its moment.
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    event,
    text,
)
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

metadata = MetaData()
_row_id = BigInteger().with_variant(Integer, "sqlite")

feed_events = Table(
    "feed_events",
    metadata,
    Column("id", _row_id, primary_key=True, autoincrement=True),
    Column("event_id", String(128), nullable=False, unique=True),
    Column("recorded_at", BigInteger, nullable=False),
    Column("authority", String(64), nullable=False),
    Column("operation", String(16), nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("code", String(64)),
    Column("fault", Text),
    Column("listing_key", String(32)),
    Column("ordering", String(40)),
    Column("default_version", BigInteger),
    Column("record", LargeBinary),
    Column("receipt_id", String(40)),
    Column("receipt_index", Integer),
    Column("topic", String(128), nullable=False),
    Column("partition", Integer, nullable=False),
    Column("offset", BigInteger, nullable=False),
    Index("feed_events_by_listing", "listing_key", "ordering"),
    Index("feed_events_by_receipt", "receipt_id", "receipt_index"),
)

receipts = Table(
    "receipts",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("created_at", BigInteger, nullable=False),
    Column("authority", String(64), nullable=False),
    Column("client", String(64), nullable=False),
    Column("total", Integer, nullable=False),
    Column("refused", LargeBinary, nullable=False),
)

decisions = Table(
    "decisions",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("decided_at", BigInteger, nullable=False, index=True),
    Column("client", String(64), nullable=False),
    Column("operator", String(128), nullable=False),
    Column("purpose", String(256), nullable=False),
    Column("scene", String(64), nullable=False),
    Column("transaction_id", String(128), nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("detail", LargeBinary, nullable=False),
)

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
    Column("held_by", LargeBinary, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("released_at", BigInteger),
    Index(
        "locks_one_held_per_target",
        "target_key",
        unique=True,
        sqlite_where=text("released_at IS NULL"),
        postgresql_where=text("released_at IS NULL"),
    ),
    Index("locks_by_target", "target_key", "created_at"),
)

lock_changes = Table(
    "lock_changes",
    metadata,
    Column("id", _row_id, primary_key=True, autoincrement=True),
    Column("lock_id", String(40), nullable=False, index=True),
    Column("changed_at", BigInteger, nullable=False),
    Column("state", String(16), nullable=False),
    Column("client", String(64), nullable=False),
    Column("operator", String(128)),
    Column("reason", Text),
    UniqueConstraint("lock_id", "state", name="lock_changes_once_each"),
)

clients = Table(
    "clients",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("key_hash", String(64), nullable=False, unique=True),
    Column("grants", LargeBinary, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("revoked_at", BigInteger),
)


def connect(url: str) -> AsyncEngine:
    """An engine for the ledger at ``url`` (``sqlite+aiosqlite://…`` or ``postgresql+asyncpg://…``)."""
    if not url.startswith("sqlite"):
        return create_async_engine(url, pool_pre_ping=True, pool_size=5, max_overflow=5)
    engine = create_async_engine(url, connect_args={"timeout": 30})
    event.listen(engine.sync_engine, "connect", _prepare_sqlite)
    event.listen(engine.sync_engine, "begin", _begin)
    return engine


def _prepare_sqlite(connection: Any, _record: object) -> None:  # noqa: ANN401 - DBAPI
    """Readers beside one writer, and a commit that is on the disk before it returns."""
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA busy_timeout=30000")
    cursor.close()


def _begin(connection: Any) -> None:  # noqa: ANN401
    """Begin as the caller asked for: a transaction that reads first cannot be promoted under WAL."""
    mode = connection.get_execution_options().get("sqlite_begin", "DEFERRED")
    connection.exec_driver_sql(f"BEGIN {mode}")


def writing(engine: AsyncEngine) -> AsyncEngine:
    """The same engine for transactions that will write: SQLite takes its write lock at once."""
    return engine.execution_options(sqlite_begin="IMMEDIATE")
