"""Connections and statements for both databases: SQLite in embedded mode, PostgreSQL in production."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Select, Table, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

_SQLITE_BUSY_TIMEOUT_S = 30


def connect(url: str) -> AsyncEngine:
    """An engine for the ledger at ``url`` (``sqlite+aiosqlite://…`` or ``postgresql+asyncpg://…``)."""
    if not url.startswith("sqlite"):
        return create_async_engine(url, pool_pre_ping=True, pool_size=5, max_overflow=5)
    engine = create_async_engine(url, connect_args={"timeout": _SQLITE_BUSY_TIMEOUT_S})
    event.listen(engine.sync_engine, "connect", _set_pragmas)
    event.listen(engine.sync_engine, "begin", _begin)
    return engine


def _set_pragmas(connection: Any, _record: object) -> None:  # noqa: ANN401 - DBAPI
    """WAL: readers run beside one writer. FULL: a commit is on disk before it returns."""
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute(f"PRAGMA busy_timeout={_SQLITE_BUSY_TIMEOUT_S * 1000}")
    cursor.close()


def _begin(connection: Any) -> None:  # noqa: ANN401
    """Begin in the mode of the engine: under WAL a transaction that began with a read may fail to become a writer."""
    mode = connection.get_execution_options().get("sqlite_begin", "DEFERRED")
    connection.exec_driver_sql(f"BEGIN {mode}")


def writing(engine: AsyncEngine) -> AsyncEngine:
    """The same engine for transactions that write: SQLite takes its write lock when they begin."""
    return engine.execution_options(sqlite_begin="IMMEDIATE")


def for_update(connection: AsyncConnection, query: Select[Any]) -> Select[Any]:
    """The query with its rows locked against writers until the transaction ends; SQLite has one writer anyway."""
    return query.with_for_update() if connection.dialect.name == "postgresql" else query


def for_share(connection: AsyncConnection, query: Select[Any]) -> Select[Any]:
    """The query with its rows locked against changes until the transaction ends; others may lock them for share too."""
    return query.with_for_update(read=True) if connection.dialect.name == "postgresql" else query


async def upsert(
    connection: AsyncConnection,
    table: Table,
    rows: Sequence[Mapping[str, Any]],
    updated: Sequence[str] | None = None,
) -> None:
    """Insert rows; where the primary key exists, update the columns ``updated``: all by default, of none if empty.

    The rows all have the same columns, each primary key once.
    """
    if not rows:
        return
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(table)
    key = [column.name for column in table.primary_key]
    names = [name for name in rows[0] if name not in key] if updated is None else updated
    fresh = {name: statement.excluded[name] for name in names}
    if fresh:
        statement = statement.on_conflict_do_update(index_elements=key, set_=fresh)
    else:
        statement = statement.on_conflict_do_nothing(index_elements=key)
    await connection.execute(statement, list(rows))
