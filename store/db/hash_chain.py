"""The hash chain of the ledger: each row of an append-only table is sealed over the row before it.

Rows are numbered without gaps, so a missing row is detected. A seal is a MAC under the deployment's pepper: without
the pepper, write access to the database is not enough to change a row and recompute the chain.
"""

from collections.abc import AsyncIterator, Sequence
from functools import cache
from hashlib import sha256
from typing import Any

import orjson
from sqlalchemy import Column, Row, Table, func, insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from rules.identity.subject import SubjectKeys

_FIRST_SEAL = "0" * 32
"""The seal before the first row of a table."""


class HashChain:
    """Appends to chained tables and verifies them."""

    def __init__(self, keys: SubjectKeys) -> None:
        self._keys = keys

    async def lock_appends(self, connection: AsyncConnection, table: Table) -> None:
        """Exclude other transactions from appending to the table until this one ends.

        PostgreSQL: an advisory lock. SQLite: nothing to do, a writing transaction excludes all others.
        """
        if connection.dialect.name == "postgresql":
            lock = int.from_bytes(sha256(table.name.encode()).digest()[:7])
            await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": lock})

    async def append(self, connection: AsyncConnection, table: Table, rows: Sequence[dict[str, Any]]) -> int:
        """Insert rows with number and seal, which are also set in ``rows``; returns the last number of the table."""
        await self.lock_appends(connection, table)
        number, seal = await self.head(connection, table)
        name = _number_column(table).name
        for row in rows:
            number += 1
            row[name] = number
            seal = row["chain"] = self._keys.seal(seal, _canonical(table, row))
        if rows:
            await connection.execute(insert(table), list(rows))
        return number

    async def head(self, connection: AsyncConnection, table: Table) -> tuple[int, str]:
        """The last number and seal of a table."""
        number = _number_column(table)
        query = select(number, table.c.chain).where(number.is_not(None), table.c.chain.is_not(None))
        last = (await connection.execute(query.order_by(number.desc()).limit(1))).first()
        if last is not None:
            return last[0], last[1]
        # Rows older than the chain have a number and no seal.
        before = (await connection.execute(select(func.max(number)))).scalar() or 0
        return before, _FIRST_SEAL

    async def verify(self, engine: AsyncEngine, table: Table) -> AsyncIterator[str]:
        """One sentence per fault of a table's chain; none when each row is as it was written.

        It cannot detect that the last rows were deleted: for that, keep a number and seal of ``head`` elsewhere.
        """
        number, expected, seal = _number_column(table), None, _FIRST_SEAL
        async with engine.connect() as connection:
            unsealed = select(func.count()).select_from(table).where(table.c.chain.is_(None))
            if count := (await connection.execute(unsealed)).scalar():
                yield f"{table.name}: {count} rows have no seal"
            rows = await connection.stream(select(table).where(table.c.chain.is_not(None)).order_by(number))
            async for row in rows:
                found = getattr(row, number.name)
                if expected is not None and found != expected:
                    yield f"{table.name}: rows {expected} to {found - 1} are missing"
                elif self._keys.seal(seal, _canonical(table, _as_dict(row))) != row.chain:
                    yield f"{table.name}: row {found} was altered, or the one before it"
                expected, seal = found + 1, row.chain


def _number_column(table: Table) -> Column[int]:
    """The column that numbers the rows of a chained table."""
    column: Column[int] = table.c.chain_no if "chain_no" in table.c else table.c.id
    return column


def _as_dict(row: Row[Any]) -> dict[str, Any]:
    return dict(row._mapping)


def _canonical(table: Table, row: dict[str, Any]) -> bytes:
    """What the seal covers. A column added later counts only where it has a value, so that old seals still verify."""
    values = [row.get(name) for name in _sealed_columns(table)]
    values += [[name, row[name]] for name in _later_columns(table) if row.get(name) is not None]
    return orjson.dumps(values, default=_digest)


@cache
def _sealed_columns(table: Table) -> tuple[str, ...]:
    """The columns under the seal: all but the seal itself and a number that the database assigns."""
    by_database = ("id",) if "chain_no" in table.c and table.c.id.autoincrement is True else ()
    excluded = {"chain", *by_database, *_later_columns(table)}
    return tuple(sorted(column.name for column in table.columns if column.name not in excluded))


@cache
def _later_columns(table: Table) -> tuple[str, ...]:
    return tuple(sorted(column.name for column in table.columns if column.info.get("later")))


def _digest(value: object) -> str:
    assert isinstance(value, bytes)
    return sha256(value).hexdigest()
