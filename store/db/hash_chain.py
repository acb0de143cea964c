"""The chain of the ledger: each row of an append-only table is sealed over the one before it.

Rows are numbered without gaps, so a missing row shows; a seal is a MAC under the deployment's pepper, so
who can write to the database but lacks the pepper cannot make the chain agree with what they changed.
"""

from collections.abc import AsyncIterator, Sequence
from functools import cache
from hashlib import sha256
from typing import Any

import orjson
from sqlalchemy import Column, Row, Table, func, insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from rules.identity.subject import SubjectKeys

_START = "0" * 32


class HashChain:
    """Appends to chained tables and verifies them."""

    def __init__(self, keys: SubjectKeys) -> None:
        self._keys = keys

    async def take_turn(self, connection: AsyncConnection, table: Table) -> None:
        """Keep others from appending to the table until this transaction ends.

        SQLite has done that when a writing transaction began.
        """
        if connection.dialect.name == "postgresql":
            turn = int.from_bytes(sha256(table.name.encode()).digest()[:7])
            await connection.execute(text("SELECT pg_advisory_xact_lock(:turn)"), {"turn": turn})

    async def append(self, connection: AsyncConnection, table: Table, rows: Sequence[dict[str, Any]]) -> int:
        """Number, seal and insert rows, which are completed in place; the last number of the table."""
        await self.take_turn(connection, table)
        number, seal = await self.head(connection, table)
        name = number_of(table).name
        for row in rows:
            number += 1
            row[name] = number
            seal = row["chain"] = self._keys.seal(seal, _canonical(table, row))
        if rows:
            await connection.execute(insert(table), list(rows))
        return number

    async def head(self, connection: AsyncConnection, table: Table) -> tuple[int, str]:
        """The last number and seal of a table."""
        number = number_of(table)
        query = select(number, table.c.chain).where(number.is_not(None), table.c.chain.is_not(None))
        last = (await connection.execute(query.order_by(number.desc()).limit(1))).first()
        if last is not None:
            return last[0], last[1]
        # Rows from before the chain keep their numbers and have no seal.
        before = (await connection.execute(select(func.max(number)))).scalar() or 0
        return before, _START

    async def verify(self, engine: AsyncEngine, table: Table) -> AsyncIterator[str]:
        """What is wrong with a table's chain, in words; nothing when each row is as it was written.

        That its last rows were cut off it cannot tell: for that, keep a number and seal of ``head`` elsewhere.
        """
        number, expected, seal = number_of(table), None, _START
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


def number_of(table: Table) -> Column[int]:
    """The column that numbers the rows of a chained table."""
    column: Column[int] = table.c.chain_no if "chain_no" in table.c else table.c.id
    return column


def _as_dict(row: Row[Any]) -> dict[str, Any]:
    return dict(row._mapping)


def _canonical(table: Table, row: dict[str, Any]) -> bytes:
    said = [row.get(name) for name in _sealed(table)]
    said += [[name, row[name]] for name in _later(table) if row.get(name) is not None]
    return orjson.dumps(said, default=_digest)


@cache
def _sealed(table: Table) -> tuple[str, ...]:
    """The columns under the seal: all but the seal, and but a number that the database gives by itself."""
    by_database = ("id",) if "chain_no" in table.c and table.c.id.autoincrement is True else ()
    left_out = {"chain", *by_database, *_later(table)}
    return tuple(sorted(column.name for column in table.columns if column.name not in left_out))


@cache
def _later(table: Table) -> tuple[str, ...]:
    return tuple(sorted(column.name for column in table.columns if column.info.get("later")))


def _digest(value: object) -> str:
    assert isinstance(value, bytes)
    return sha256(value).hexdigest()
