"""Quarantine of a feed: what an authority sends is held until an entitled person releases or discards it.

open ──▶ released ──▶ settled     its records are applied, a page at a time (``store.ledger.expiry``)
   └───▶ discarded                its records stay in the ledger and are never applied
"""

from collections.abc import Collection
from enum import StrEnum
from typing import Any
from uuid import uuid4

from msgspec import Struct
from msgspec.structs import asdict
from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from rules.records.feed_bounds import QuarantineCause
from store.db.columns import SYSTEM
from store.db.engine import writing
from store.db.hash_chain import HashChain
from store.db.schema import feed_events, hold_changes, holds
from store.feeds.stats import reset_window


class QuarantineState(StrEnum):
    """``settled``: released, and all of its records are applied."""

    OPEN = "open"
    RELEASED = "released"
    SETTLED = "settled"
    DISCARDED = "discarded"


class QuarantineRow(Struct, frozen=True):
    """The columns of ``holds``, in their order."""

    id: str
    authority: str
    cause: str
    opened_at: int
    state: str


class QuarantineRows:
    """Quarantines within the caller's transaction. ``now`` is in milliseconds everywhere."""

    def __init__(self, chain: HashChain) -> None:
        self._chain = chain

    async def open_ids(self, connection: AsyncConnection, authorities: Collection[str]) -> dict[str, str]:
        """By authority, the id of the open quarantine of its feed, where there is one."""
        query = select(holds.c.authority, holds.c.id).where(
            holds.c.state == QuarantineState.OPEN, holds.c.authority.in_(authorities)
        )
        return {row[0]: row[1] for row in await connection.execute(query)}

    async def open(self, connection: AsyncConnection, authority: str, cause: QuarantineCause, now: int) -> str:
        """Put the feed of an authority into quarantine; returns its id."""
        row = QuarantineRow(f"hold_{uuid4().hex}", authority, cause.value, now, QuarantineState.OPEN.value)
        await connection.execute(insert(holds), [asdict(row)])
        change = _change(row.id, QuarantineState.OPEN, now, SYSTEM, SYSTEM, cause.value)
        await self._chain.append(connection, hold_changes, [change])
        return row.id

    async def close(
        self,
        connection: AsyncConnection,
        quarantine_id: str,
        state: QuarantineState,
        now: int,
        client: str,
        operator: str,
        reason: str,
    ) -> bool:
        """Release or discard an open quarantine, or settle a released one; False when it is not in that state."""
        expected = QuarantineState.RELEASED if state is QuarantineState.SETTLED else QuarantineState.OPEN
        statement = (
            update(holds).where(holds.c.id == quarantine_id, holds.c.state == expected).values(state=state.value)
        )
        if (await connection.execute(statement)).rowcount == 0:
            return False
        change = _change(quarantine_id, state, now, client, operator, reason)
        await self._chain.append(connection, hold_changes, [change])
        return True


class Quarantine:
    """Quarantines opened by the gateway and decided by people; each call is one transaction."""

    def __init__(self, engine: AsyncEngine, chain: HashChain) -> None:
        self._writer = writing(engine)
        self._chain = chain
        self._rows = QuarantineRows(chain)

    async def decide(
        self, authority: str, *, release: bool, client: str, operator: str, reason: str, now: int
    ) -> QuarantineRow | None:
        """Release or discard the quarantine of an authority's feed; None when there is none.

        The feed's bounds count from zero again, or the next record would open a new quarantine.
        """
        state = QuarantineState.RELEASED if release else QuarantineState.DISCARDED
        async with self._writer.begin() as connection:
            # A batch of records writes the same counts: exclude it until this transaction ends.
            await self._chain.lock_appends(connection, feed_events)
            found = (await self._rows.open_ids(connection, [authority])).get(authority)
            if found is None or not await self._rows.close(connection, found, state, now, client, operator, reason):
                return None
            await reset_window(connection, authority)
            return QuarantineRow(*(await connection.execute(select(holds).where(holds.c.id == found))).one())

    async def open(self, authority: str, cause: QuarantineCause, now: int) -> str:
        """Put an authority's feed into quarantine unless it is there already; returns the id of the quarantine."""
        async with self._writer.begin() as connection:
            await self._chain.lock_appends(connection, feed_events)
            found = (await self._rows.open_ids(connection, [authority])).get(authority)
            return found or await self._rows.open(connection, authority, cause, now)


def _change(
    quarantine_id: str, state: QuarantineState, now: int, client: str, operator: str, reason: str
) -> dict[str, Any]:
    """A row of ``hold_changes``."""
    return {
        "hold_id": quarantine_id,
        "changed_at": now,
        "state": state.value,
        "client": client,
        "operator": operator,
        "reason": reason,
    }
