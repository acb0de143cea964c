"""The decision side of the ledger: who asked what, why and when, and what was answered.

Details hold subject keys and masked numbers, never a whole identifier of a person.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from rules.listings.life import State
from store.db.engine import writing
from store.db.hash_chain import HashChain
from store.db.schema import decision_listings, decisions, listings
from store.ledger.side_effects import corrections
from store.platforms.outbox import tell


class DecisionEntry(Struct, frozen=True, gc=False):
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
    """JSON: the answer as it went out, what was asked and found (``rules.policy.replay``), and what was only tried."""
    feedback_due: int | None = None
    """When the platform's report is due; None where nothing was to be carried out."""
    listings: tuple[str, ...] = ()
    """Keys of the listings that counted."""


class DecisionStore:
    """Decisions in SQL; writing one twice changes nothing."""

    def __init__(self, engine: AsyncEngine, chain: HashChain) -> None:
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


async def record_decisions(connection: AsyncConnection, chain: HashChain, entries: Sequence[DecisionEntry]) -> None:
    """Write decisions inside the caller's transaction; those that stand already are left alone."""
    await chain.lock_appends(connection, decisions)
    wanted = {entry.id: entry for entry in entries}
    query = select(decisions.c.id).where(decisions.c.id.in_(wanted))
    for known in (await connection.execute(query)).scalars():
        del wanted[known]
    rows = [{name: getattr(entry, name) for name in _COLUMNS} for entry in wanted.values()]
    await chain.append(connection, decisions, rows)
    rests = [
        {"listing_key": key, "decision_id": entry.id}
        for entry in wanted.values()
        for key in dict.fromkeys(entry.listings)
    ]
    if rests:
        await connection.execute(insert(decision_listings), rests)
        await _tell_the_late(connection, chain, wanted)


async def _tell_the_late(connection: AsyncConnection, chain: HashChain, entries: Mapping[str, DecisionEntry]) -> None:
    """A decision may come here after its listing was annulled: its client is told all the same."""
    keys = {key for entry in entries.values() for key in entry.listings}
    query = select(listings).where(listings.c.key.in_(keys), listings.c.state == State.ANNULLED)
    annulled = {row["key"]: dict(row) for row in (await connection.execute(query)).mappings()}
    if annulled:
        now = max(entry.decided_at for entry in entries.values())
        await tell(connection, chain, await corrections(connection, annulled, entries.keys()), now)


_decoder = msgspec.msgpack.Decoder(list[DecisionEntry])
_one = msgspec.json.Decoder(DecisionEntry)


def encode_entries(entries: Sequence[DecisionEntry]) -> bytes:
    """Decisions as one message of the topic ``credit.decisions``."""
    return msgspec.msgpack.encode(entries)


def decode_entries(message: bytes) -> list[DecisionEntry] | None:
    """The decisions of a message, also of one from before they came in batches; None when it holds none."""
    try:
        return [_one.decode(message)] if message[:1] == b"{" else _decoder.decode(message)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


_COLUMNS = tuple(name for name in DecisionEntry.__struct_fields__ if name != "listings")
