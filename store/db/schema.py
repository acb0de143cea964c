"""The ledger's tables and how to reach them: SQLite in embedded mode, PostgreSQL in production.

Moments are milliseconds since 1970 (UTC). ``CHAINED`` tables are append-only, each row sealed over the one
before it; the database refuses anything else (see the migrations). ``listings`` is what the feed events come
to and can be made anew from them; ``holds``, ``feed_status``, ``locks`` and ``clients`` hold state, whose every
change is also in a chained table or carries its moment.
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Select,
    String,
    Table,
    Text,
    UniqueConstraint,
    event,
    text,
)
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

metadata = MetaData()
LATER = {"later": True}
"""Of a column that a chained table got later: a row without it is sealed as rows were before."""
row_id = BigInteger().with_variant(Integer, "sqlite")


def links(table: str) -> tuple[Column[int], Column[str], Index]:
    """The place of a row in its table's chain (``store.db.hash_chain``)."""
    number: Column[int] = Column("chain_no", BigInteger)
    return number, Column("chain", String(32)), Index(f"{table}_by_chain", number, unique=True)


feed_events = Table(
    "feed_events",
    metadata,
    Column("id", row_id, primary_key=True, autoincrement=True),
    Column("event_id", String(128), nullable=False, unique=True),
    Column("recorded_at", BigInteger, nullable=False),
    Column("authority", String(64), nullable=False),
    Column("operation", String(16), nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("code", String(64)),
    Column("fault", Text),
    Column("listing_key", String(32)),
    Column("ordering", String(64)),
    Column("default_version", BigInteger),
    Column("record", LargeBinary),
    Column("receipt_id", String(40)),
    Column("receipt_index", Integer),
    Column("topic", String(128), nullable=False),
    Column("partition", Integer, nullable=False),
    Column("offset", BigInteger, nullable=False),
    Column("hold_id", String(40)),
    Column("chain", String(32)),
    Index("feed_events_by_hold", "hold_id", "id"),
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
    *links("receipts"),
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
    Column("feedback_due", BigInteger, index=True, info=LATER),
    *links("decisions"),
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
    Column("document_no", String(128), info=LATER),
    *links("lock_changes"),
    UniqueConstraint("lock_id", "state", name="lock_changes_once_each"),
)

listings = Table(
    "listings",
    metadata,
    Column("key", String(32), primary_key=True),
    Column("version", BigInteger, nullable=False, index=True),
    Column("authority", String(64), nullable=False),
    Column("record_no", String(128)),
    Column("origin_key", String(32), index=True),
    Column("subject_key", String(32), index=True),
    Column("name_key", String(32)),
    Column("colour", String(8)),
    Column("first_day", Date),
    Column("last_day", Date),
    Column("decisive", Boolean, nullable=False),
    Column("state", String(16), nullable=False),
    Column("struck", String(32)),
    Column("provisional", Boolean, nullable=False),
    Column("objections", Integer, nullable=False),
    Column("content", String(32)),
    Column("listing", LargeBinary),
    Index("listings_by_authority", "authority", "state"),
    Index("listings_by_end", "state", "last_day"),
)

holds = Table(
    "holds",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("authority", String(64), nullable=False),
    Column("cause", String(64), nullable=False),
    Column("opened_at", BigInteger, nullable=False),
    Column("state", String(16), nullable=False),
    Index(
        "holds_one_open_per_authority",
        "authority",
        unique=True,
        sqlite_where=text("state = 'open'"),
        postgresql_where=text("state = 'open'"),
    ),
)

hold_changes = Table(
    "hold_changes",
    metadata,
    Column("id", row_id, primary_key=True, autoincrement=True),
    Column("hold_id", String(40), nullable=False, index=True),
    Column("changed_at", BigInteger, nullable=False),
    Column("state", String(16), nullable=False),
    Column("client", String(64), nullable=False),
    Column("operator", String(128), nullable=False),
    Column("reason", Text, nullable=False),
    *links("hold_changes"),
)

notices = Table(
    "notices",
    metadata,
    Column("id", row_id, primary_key=True, autoincrement=True),
    Column("created_at", BigInteger, nullable=False),
    Column("authority", String(64), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("listing_key", String(32), nullable=False),
    Column("cause_key", String(32), nullable=False),
    *links("notices"),
    UniqueConstraint("kind", "listing_key", "cause_key", name="notices_once_each"),
    Index("notices_by_authority", "authority", "id"),
)

feed_status = Table(
    "feed_status",
    metadata,
    Column("authority", String(64), primary_key=True),
    *(
        Column(name, BigInteger, nullable=False, server_default="0")
        for name in (
            "last_record_at",
            "received",
            "rejected",
            "held",
            "listings",
            "late",
            "working_days",
            "listed",
            "window_start",
            "window_added",
            "window_removed",
            "window_received",
            "window_rejected",
        )
    ),
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


CHAINED = (feed_events, receipts, decisions, lock_changes, hold_changes, notices)
"""The ledger of both roads; ``platform_tables.ALL_CHAINED`` has every chained table."""


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


def for_update(connection: AsyncConnection, query: Select[Any]) -> Select[Any]:
    """The query with its rows kept from others until the transaction ends; SQLite has one writer anyway."""
    return query.with_for_update() if connection.dialect.name == "postgresql" else query
