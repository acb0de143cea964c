"""Watches: the subjects that a platform has on board, by keys only, and who is told of a change to one."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from rules.vocabulary import DataClass
from store.db.engine import upsert, writing
from store.db.schema import clients, watches
from store.platforms.clients import Grants

Watchers = Mapping[str, list[tuple[str, str]]]
"""By subject key, the clients that watch it with their own references."""


class WatchStore:
    """Watches in SQL. A reference is the platform's own name for the subject, an account or a shop."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._writer = writing(engine)

    async def put(self, client: str, wanted: Mapping[str, str], remove: Collection[str], now: int) -> dict[str, int]:
        """Set watches by reference (reference to subject key) and take others away; how many of each."""
        async with self._writer.begin() as connection:
            gone = 0
            if remove:
                mine = watches.c.client == client
                gone = (await connection.execute(delete(watches).where(mine, watches.c.reference.in_(remove)))).rowcount
            rows = [
                {"client": client, "reference": reference, "subject_key": key, "created_at": now}
                for reference, key in wanted.items()
            ]
            await upsert(connection, watches, rows, updated=["subject_key"])
            total = select(func.count()).select_from(watches).where(watches.c.client == client)
            return {"set": len(rows), "removed": gone, "total": (await connection.execute(total)).scalar_one()}

    async def page(self, client: str, after: str, limit: int) -> list[dict[str, Any]]:
        """References after that one, in their order."""
        query = (
            select(watches.c.reference, watches.c.created_at)
            .where(watches.c.client == client, watches.c.reference > after)
            .order_by(watches.c.reference)
            .limit(limit)
        )
        async with self._engine.connect() as connection:
            return [dict(row) for row in (await connection.execute(query)).mappings()]

    async def count(self, client: str) -> int:
        """How many watches a client has."""
        query = select(func.count()).select_from(watches).where(watches.c.client == client)
        async with self._engine.connect() as connection:
            return (await connection.execute(query)).scalar_one()


async def watchers_of(connection: AsyncConnection, subject_keys: Collection[str]) -> Watchers:
    """Who watches these subjects."""
    if not subject_keys:
        return {}
    query = select(watches.c.subject_key, watches.c.client, watches.c.reference).where(
        watches.c.subject_key.in_(subject_keys)
    )
    found: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
    for key, client, reference in await connection.execute(query.order_by(watches.c.client, watches.c.reference)):
        found[key].append((client, reference))
    return found


async def classes_of(connection: AsyncConnection, names: Collection[str]) -> dict[str, frozenset[DataClass]]:
    """The data classes that these clients may see; those that were revoked are left out."""
    query = select(clients.c.id, clients.c.grants).where(clients.c.id.in_(names), clients.c.revoked_at.is_(None))
    rows: Sequence[Any] = (await connection.execute(query)).all() if names else []
    return {name: msgspec.json.decode(grants, type=Grants).classes for name, grants in rows}
