"""The decision side of the ledger: who checked whom, why and when, and what was answered.

Details hold subject keys and masked numbers, never the whole identifier of a person.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
import orjson
from msgspec import Struct
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from rules.listings.life import State
from rules.policy.replay import PastCheck, decode_check
from store.db.engine import writing
from store.db.hash_chain import HashChain
from store.db.schema import decision_listings, decisions, listings
from store.ledger.effects.corrections import correction_events
from store.ledger.listing_row import ListingRow
from store.platforms.outbox import append_events

_PAGE_ROWS = 1000


class DecisionRow(Struct, frozen=True, gc=False):
    """The columns of ``decisions`` without those of the chain, in their order. Moments are in milliseconds."""

    id: str
    decided_at: int
    client: str
    operator: str
    purpose: str
    scene: str
    transaction_id: str
    outcome: str
    detail: bytes
    """JSON: the answer as it was sent, the check and what it found (``rules.policy.replay``), and the outcome under the
    shadow rules if one fired."""
    feedback_due: int | None = None
    """When the platform's report is due; None where there was nothing to carry out."""


class DecisionEntry(DecisionRow, frozen=True, gc=False):
    """One decision as the topic ``credit.decisions`` carries it."""

    listings: tuple[str, ...] = ()
    """Keys of the listings that counted."""


class DecisionStore:
    """Decisions in SQL; writing one twice changes nothing."""

    def __init__(self, engine: AsyncEngine, chain: HashChain) -> None:
        self._engine = engine
        self._writer = writing(engine)
        self._chain = chain

    async def record(self, entries: Sequence[DecisionEntry]) -> None:
        """Write decisions; they are durable when it returns."""
        async with self._writer.begin() as connection:
            await record_decisions(connection, self._chain, entries)

    async def find(self, decision_id: str) -> DecisionRow | None:
        """One decision, or None."""
        query = select(*(decisions.c[name] for name in _COLUMNS)).where(decisions.c.id == decision_id)
        async with self._engine.connect() as connection:
            row = (await connection.execute(query)).first()
        return DecisionRow(*row) if row else None


async def record_decisions(connection: AsyncConnection, chain: HashChain, entries: Sequence[DecisionEntry]) -> None:
    """Write decisions inside the caller's transaction; those that are in the ledger already stay as they are."""
    await chain.lock_appends(connection, decisions)
    fresh = {entry.id: entry for entry in entries}
    query = select(decisions.c.id).where(decisions.c.id.in_(fresh))
    for known in (await connection.execute(query)).scalars():
        del fresh[known]
    rows = [{name: getattr(entry, name) for name in _COLUMNS} for entry in fresh.values()]
    await chain.append(connection, decisions, rows)
    counted = [
        {"listing_key": key, "decision_id": entry.id}
        for entry in fresh.values()
        for key in dict.fromkeys(entry.listings)
    ]
    if counted:
        await connection.execute(insert(decision_listings), counted)
        await _correct_late_decisions(connection, chain, fresh)


async def _correct_late_decisions(
    connection: AsyncConnection, chain: HashChain, entries: Mapping[str, DecisionEntry]
) -> None:
    """Write the correction events of decisions that reach the ledger after one of their listings was annulled."""
    keys = {key for entry in entries.values() for key in entry.listings}
    query = select(listings).where(listings.c.key.in_(keys), listings.c.state == State.ANNULLED)
    annulled = {row.key: row for row in (ListingRow(*values) for values in await connection.execute(query))}
    if annulled:
        now = max(entry.decided_at for entry in entries.values())
        events = await correction_events(connection, annulled, entries.keys())
        await append_events(connection, chain, events, now)


_decoder = msgspec.msgpack.Decoder(list[DecisionEntry])
_single_decoder = msgspec.json.Decoder(DecisionEntry)
_COLUMNS = DecisionRow.__struct_fields__


def encode_entries(entries: Sequence[DecisionEntry]) -> bytes:
    """Decisions as one message of the topic ``credit.decisions``."""
    return msgspec.msgpack.encode(entries)


def decode_entries(message: bytes) -> list[DecisionEntry] | None:
    """The decisions of a message; None when it cannot be read. Older messages hold a single one as a JSON object."""
    try:
        return [_single_decoder.decode(message)] if message[:1] == b"{" else _decoder.decode(message)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


class PastDecision(NamedTuple):
    """One decision; ``check`` is None where the ledger does not hold enough to decide it again."""

    id: str
    decided_at: int
    check: PastCheck | None


async def past_decisions(engine: AsyncEngine, since: int) -> AsyncIterator[PastDecision]:
    """Every check decided at ``since`` (milliseconds) or later."""
    last = 0
    while True:
        query = (
            select(decisions.c.chain_no, decisions.c.id, decisions.c.decided_at, decisions.c.detail)
            .where(decisions.c.decided_at >= since, decisions.c.chain_no > last)
            .order_by(decisions.c.chain_no)
            .limit(_PAGE_ROWS)
        )
        async with engine.connect() as connection:
            rows = (await connection.execute(query)).mappings().all()
        if not rows:
            return
        last = rows[-1]["chain_no"]
        for row in rows:
            detail: Mapping[str, Any] = orjson.loads(row["detail"])
            if "check" in detail or "subjects" in detail:
                yield PastDecision(row["id"], row["decided_at"], _check(detail))


def _check(detail: Mapping[str, Any]) -> PastCheck | None:
    try:
        return decode_check(orjson.dumps(detail["check"]))
    except (KeyError, msgspec.DecodeError):
        return None
