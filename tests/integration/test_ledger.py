"""The ledger only grows, on SQLite and on PostgreSQL; migrating again changes nothing."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from store.db.engine import connect
from store.db.migrate import migrate
from store.db.schema import metadata
from store.ledger.decisions import DecisionEntry, DecisionStore
from store.platforms.clients import ClientExistsError, ClientNameInvalidError, ClientStore, Grants, hash_key
from tests.integration.feeding import CHAIN
from tests.postgresql import PostgreSQLServer
from tests.servers import require


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
async def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[AsyncEngine]:
    """An empty ledger of either kind."""
    if request.param == "sqlite":
        made = connect(f"sqlite+aiosqlite:///{tmp_path / 'ledger.sqlite3'}")
        await migrate(made)
        yield made
        await made.dispose()
        return
    require(PostgreSQLServer.available())
    with PostgreSQLServer(tmp_path) as server:
        made = connect(server.url)
        await migrate(made)
        yield made
        await made.dispose()


ENTRY = DecisionEntry("dec_1", 1, "c", "o", "p", "s", "T", "allow", b"{}")


async def test_ledger_rows_cannot_be_changed_or_deleted(ledger: AsyncEngine) -> None:
    """The database itself refuses to update or delete rows of the ledger."""
    await DecisionStore(ledger, CHAIN).record([ENTRY])
    for statement in ("UPDATE decisions SET outcome = 'intercept'", "DELETE FROM decisions"):
        with pytest.raises(DBAPIError, match="append-only"):
            async with ledger.begin() as connection:
                await connection.execute(text(statement))
    found = await DecisionStore(ledger, CHAIN).find("dec_1")
    assert found is not None
    assert found.outcome == "allow"


async def test_migrations_match_the_schema(ledger: AsyncEngine) -> None:
    """A second migration is harmless, and no column of the code is missing from the schema."""
    await migrate(ledger)
    async with ledger.connect() as connection:
        for table in metadata.sorted_tables:
            await connection.execute(table.select().limit(1))


async def test_client_key_is_stored_as_a_hash(ledger: AsyncEngine) -> None:
    """The table does not hold the key, and a name cannot be used again, not even after revoking."""
    registry = ClientStore(ledger)
    key = await registry.add("shop", Grants(scenes=frozenset({"*"})))
    assert set(await registry.by_key_hash()) == {hash_key(key)}
    async with ledger.connect() as connection:
        rows = str((await connection.execute(text("SELECT * FROM clients"))).all())
    assert key not in rows
    assert await registry.revoke("shop")
    assert not await registry.revoke("shop")
    assert await registry.by_key_hash() == {}
    with pytest.raises(ClientExistsError):
        await registry.add("shop", Grants())
    with pytest.raises(ClientNameInvalidError):
        await registry.add("shop\n", Grants())
