"""The decision side of the ledger: who asked what, why and when, and what was answered.

Details hold subject keys and masked numbers, never a whole identifier of a person.
"""

from collections.abc import Sequence
from typing import Any

from msgspec import Struct
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from register.chain import Chain
from register.database import decisions, writing


class DecisionEntry(Struct, frozen=True):
    """One decision as the ledger and the topic ``credit.decisions`` carry it."""

    id: str
    decided_at: int
    client: str
    operator: str
    purpose: str
    scene: str
    transaction_id: str
    outcome: str
    detail: bytes
    """JSON: roles, subject keys, listing keys, rules, policy, register state."""


class DecisionLog:
    """Decisions in SQL; writing one twice changes nothing."""

    def __init__(self, engine: AsyncEngine, chain: Chain) -> None:
        self._engine = engine
        self._writer = writing(engine)
        self._chain = chain

    async def record(self, entries: Sequence[DecisionEntry]) -> None:
        """Write decisions; durable when it returns."""
        async with self._writer.begin() as connection:
            await record_decisions(connection, self._chain, entries)

    async def find(self, decision_id: str) -> dict[str, Any] | None:
        """One decision, or None."""
        query = select(decisions).where(decisions.c.id == decision_id)
        async with self._engine.connect() as connection:
            row = (await connection.execute(query)).mappings().first()
            return dict(row) if row else None


async def record_decisions(connection: AsyncConnection, chain: Chain, entries: Sequence[DecisionEntry]) -> None:
    """Write decisions inside the caller's transaction; those that stand already are left alone."""
    await chain.take_turn(connection, decisions)
    wanted = {entry.id: entry for entry in entries}
    query = select(decisions.c.id).where(decisions.c.id.in_(wanted))
    for known in (await connection.execute(query)).scalars():
        del wanted[known]
    rows = [{name: getattr(entry, name) for name in entry.__struct_fields__} for entry in wanted.values()]
    await chain.append(connection, decisions, rows)
