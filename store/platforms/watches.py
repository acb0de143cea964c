"""Watches: the subjects about which a platform wants events. Only their keys are kept."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from rules.vocabulary import DataClass
from store.db.engine import upsert, writing
from store.db.schema import clients, watches
from store.platforms.clients import Grants


class Watch(NamedTuple):
    """A watch as its client sees it. ``created_at`` is in milliseconds."""

    reference: str
    created_at: int


class Watcher(NamedTuple):
    """A client that watches a subject, and its own name for the subject."""

    client: str
    reference: str


class WatchStore:
    """Watches in SQL. A reference is the platform's own name for the subject, an account or a shop."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._writer = writing(engine)

    async def put(self, client: str, wanted: Mapping[str, str], remove: Collection[str], now: int) -> dict[str, int]:
        """Set watches (reference to subject key) and remove others; returns how many, with the total."""
        async with self._writer.begin() as connection:
            removed = 0
            if remove:
                mine = watches.c.client == client
                statement = delete(watches).where(mine, watches.c.reference.in_(remove))
                removed = (await connection.execute(statement)).rowcount
            rows = [
                {"client": client, "reference": reference, "subject_key": key, "created_at": now}
                for reference, key in wanted.items()
            ]
            await upsert(connection, watches, rows, updated=["subject_key"])
            total = select(func.count()).select_from(watches).where(watches.c.client == client)
            return {"set": len(rows), "removed": removed, "total": (await connection.execute(total)).scalar_one()}

    async def page(self, client: str, after: str, limit: int) -> list[Watch]:
        """A client's watches after that reference, in their order."""
        query = (
            select(watches.c.reference, watches.c.created_at)
            .where(watches.c.client == client, watches.c.reference > after)
            .order_by(watches.c.reference)
            .limit(limit)
        )
        async with self._engine.connect() as connection:
            return [Watch(*row) for row in await connection.execute(query)]

    async def count(self, client: str) -> int:
        """How many watches a client has."""
        query = select(func.count()).select_from(watches).where(watches.c.client == client)
        async with self._engine.connect() as connection:
            return (await connection.execute(query)).scalar_one()


async def watchers_of(connection: AsyncConnection, subject_keys: Collection[str]) -> dict[str, list[Watcher]]:
    """By subject key, the clients that watch it; no entry where there is none."""
    if not subject_keys:
        return {}
    query = select(watches.c.subject_key, watches.c.client, watches.c.reference).where(
        watches.c.subject_key.in_(subject_keys)
    )
    found: defaultdict[str, list[Watcher]] = defaultdict(list)
    for key, client, reference in await connection.execute(query.order_by(watches.c.client, watches.c.reference)):
        found[key].append(Watcher(client, reference))
    return found


async def data_classes_of(connection: AsyncConnection, names: Collection[str]) -> dict[str, frozenset[DataClass]]:
    """The data classes that these clients may see; no entry for a revoked client."""
    query = select(clients.c.id, clients.c.grants).where(clients.c.id.in_(names), clients.c.revoked_at.is_(None))
    rows: Sequence[Any] = (await connection.execute(query)).all() if names else []
    return {name: msgspec.json.decode(grants, type=Grants).classes for name, grants in rows}
