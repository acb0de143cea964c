"""Quarantine of a feed: what an authority sends is held until an entitled person releases or discards it."""

from collections.abc import Collection
from enum import StrEnum
from typing import Any
from uuid import uuid4

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from rules.records.feed_bounds import QuarantineCause
from store.db.hash_chain import HashChain
from store.db.schema import feed_events, feed_status, hold_changes, holds, writing


class HoldState(StrEnum):
    """``settled``: it was released, and all that it held has gone its way."""

    OPEN = "open"
    RELEASED = "released"
    SETTLED = "settled"
    DISCARDED = "discarded"


class QuarantineRows:
    """Holds within the caller's transaction."""

    def __init__(self, chain: HashChain) -> None:
        self._chain = chain

    async def open_holds(self, connection: AsyncConnection, authorities: Collection[str]) -> dict[str, str]:
        """The open hold of each of these authorities that has one."""
        query = select(holds.c.authority, holds.c.id).where(
            holds.c.state == HoldState.OPEN, holds.c.authority.in_(authorities)
        )
        return {row[0]: row[1] for row in await connection.execute(query)}

    async def open(self, connection: AsyncConnection, authority: str, cause: QuarantineCause, now: int) -> str:
        """Hold the feed of an authority from here on; the id of the hold."""
        hold = f"hold_{uuid4().hex}"
        row = {
            "id": hold,
            "authority": authority,
            "cause": cause.value,
            "opened_at": now,
            "state": HoldState.OPEN.value,
        }
        await connection.execute(insert(holds), [row])
        change = _change(hold, HoldState.OPEN, now, "creditgate", "creditgate", cause.value)
        await self._chain.append(connection, hold_changes, [change])
        return hold

    async def close(
        self,
        connection: AsyncConnection,
        hold_id: str,
        state: HoldState,
        now: int,
        client: str,
        operator: str,
        reason: str,
    ) -> bool:
        """Release or discard an open hold, or settle a released one; False when it is not in that state."""
        expected = HoldState.RELEASED if state is HoldState.SETTLED else HoldState.OPEN
        statement = update(holds).where(holds.c.id == hold_id, holds.c.state == expected).values(state=state.value)
        if (await connection.execute(statement)).rowcount == 0:
            return False
        change = _change(hold_id, state, now, client, operator, reason)
        await self._chain.append(connection, hold_changes, [change])
        return True


class Quarantine:
    """What people do about held feeds."""

    def __init__(self, engine: AsyncEngine, chain: HashChain) -> None:
        self._engine = engine
        self._writer = writing(engine)
        self._chain = chain
        self._book = QuarantineRows(chain)

    async def decide(
        self, authority: str, *, release: bool, client: str, operator: str, reason: str, now: int
    ) -> dict[str, Any] | None:
        """Release or discard what is held of an authority's feed; None when nothing is held.

        Its day starts anew, or it would be held again at once.
        """
        state = HoldState.RELEASED if release else HoldState.DISCARDED
        async with self._writer.begin() as connection:
            # Not while a batch is taken in, which writes the counts of its own day.
            await self._chain.take_turn(connection, feed_events)
            found = (await self._book.open_holds(connection, [authority])).get(authority)
            if found is None or not await self._book.close(connection, found, state, now, client, operator, reason):
                return None
            again = {"window_start": 0, "window_added": 0, "window_removed": 0}
            again |= {"window_received": 0, "window_rejected": 0}
            await connection.execute(update(feed_status).where(feed_status.c.authority == authority).values(again))
            row = (await connection.execute(select(holds).where(holds.c.id == found))).mappings().one()
        return dict(row)

    async def hold(self, authority: str, cause: QuarantineCause, now: int) -> str:
        """Hold an authority's feed for a cause found at the door; the id of its open hold."""
        async with self._writer.begin() as connection:
            await self._chain.take_turn(connection, feed_events)
            standing = (await self._book.open_holds(connection, [authority])).get(authority)
            return standing or await self._book.open(connection, authority, cause, now)


def _change(hold_id: str, state: HoldState, now: int, client: str, operator: str, reason: str) -> dict[str, Any]:
    return {
        "hold_id": hold_id,
        "changed_at": now,
        "state": state.value,
        "client": client,
        "operator": operator,
        "reason": reason,
    }
