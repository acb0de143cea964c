"""What a change of listings brings about beyond the register: locks that fall, and clients that are told.

All of it happens in the transaction that changed the rows, after they were written, so that nothing which
rests on a listing can be made beside it unseen (``store.locks.store`` holds the rows while it makes a lock).
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from rules.calendar import from_milliseconds, rfc3339
from rules.listings.life import State
from rules.listings.listing import Listing, decode_listing
from rules.policy.decision import may_lock
from store.db.engine import for_update
from store.db.hash_chain import HashChain
from store.db.schema import decision_listings, decisions, listings, lock_changes, lock_listings, locks
from store.ledger.lock_states import LockState, change_row, lock_event
from store.platforms.outbox import EventDraft, EventType, tell
from store.platforms.watches import classes_of, watchers_of

Row = Mapping[str, Any]
_DECISIONS_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class SideEffects:
    """What came of a change of rows."""

    lifted: list[tuple[str, str]] = field(default_factory=list)
    """Target key and id of each lock that fell."""


async def follow(
    connection: AsyncConnection, chain: HashChain, before: Mapping[str, Row], after: Mapping[str, Row], now: int
) -> SideEffects:
    """Carry out what follows from rows that were one thing and are now another."""
    changed = {key: row for key, row in after.items() if _differs(before.get(key), row)}
    if not changed:
        return SideEffects()
    fallen = {key: row for key, row in changed.items() if supports(before.get(key)) and not _still(before[key], row)}
    lifted, tellings = await _lift(connection, chain, fallen, now)
    tellings += await _watched(connection, before, changed)
    tellings += await _corrected(connection, before, changed)
    await tell(connection, chain, tellings, now)
    return SideEffects(lifted)


def shown(row: Row | None) -> bool:
    """Whether the register shows the listing of this row."""
    return row is not None and row["listing"] is not None and row["state"] == State.IN_FORCE and row["struck"] is None


def supports(row: Row | None) -> bool:
    """Whether a lock may rest on the listing of this row."""
    return row is not None and shown(row) and may_lock(decode_listing(row["listing"]))


def _still(before: Row, after: Row) -> bool:
    return supports(after) and before["subject_key"] == after["subject_key"]


def _differs(before: Row | None, after: Row) -> bool:
    names = ("listing", "state", "struck", "subject_key")
    return (shown(before) or shown(after)) and (before is None or any(before[n] != after[n] for n in names))


async def _lift(
    connection: AsyncConnection, chain: HashChain, fallen: Mapping[str, Row], now: int
) -> tuple[list[tuple[str, str]], list[EventDraft]]:
    """Lift the held locks of which the last listing fell (办法一 Art. 16, 19; 办法二 Art. 27)."""
    if not fallen:
        return [], []
    # In the order of everybody who ends or takes locks: the turn, then the rows.
    await chain.lock_appends(connection, lock_changes)
    resting = select(lock_listings.c.lock_id).where(lock_listings.c.listing_key.in_(fallen))
    touched = for_update(connection, select(locks).where(locks.c.id.in_(resting), locks.c.ended_at.is_(None)))
    held = {row["id"]: dict(row) for row in (await connection.execute(touched)).mappings()}
    if not held:
        return [], []
    rests = select(lock_listings.c.lock_id, listings).join(listings, listings.c.key == lock_listings.c.listing_key)
    rows = (await connection.execute(rests.where(lock_listings.c.lock_id.in_(held)))).mappings().all()
    kept = {row["lock_id"] for row in rows if row["key"] not in fallen and supports(dict(row))}
    causes = {row["lock_id"]: fallen[row["key"]] for row in rows if row["key"] in fallen}
    lifted, changes, tellings = [], [], []
    for lock_id, lock in held.items():
        if lock_id in kept:
            continue
        cause = _cause(causes[lock_id])
        ended = update(locks).where(locks.c.id == lock_id, locks.c.ended_at.is_(None))
        await connection.execute(ended.values(state=LockState.LIFTED.value, ended_at=now))
        reason = f"listing {causes[lock_id]['key']}: {cause}"
        changes.append(change_row(lock_id, LockState.LIFTED, "creditgate", now, "creditgate", reason))
        tellings.append(lock_event(lock, EventType.LOCK_LIFTED, cause))
        lifted.append((lock["target_key"], lock_id))
    await chain.append(connection, lock_changes, changes)
    return lifted, tellings


async def _watched(
    connection: AsyncConnection, before: Mapping[str, Row], changed: Mapping[str, Row]
) -> list[EventDraft]:
    """Tell who watches a subject what became of a listing that they may see."""
    rows = [row for key in changed for row in (before.get(key), changed[key]) if row is not None]
    watchers = await watchers_of(connection, {row["subject_key"] for row in rows if row["subject_key"]})
    if not watchers:
        return []
    classes = await classes_of(connection, {client for found in watchers.values() for client, _ in found})
    tellings = []
    for key, row in changed.items():
        for subject_key, type_, told in _happened(before.get(key), row):
            listing = decode_listing(told["listing"])
            for client, reference in watchers.get(subject_key, ()):
                if listing.data_class in classes.get(client, ()):
                    data = {"reference": reference, "cause": _cause(row), "listing": _public(listing)}
                    tellings.append(EventDraft(client, type_, data))
    return tellings


def _happened(before: Row | None, after: Row) -> list[tuple[str, EventType, Row]]:
    """What happened to whom: a correction can take a listing off one subject and put it on another."""
    happened: list[tuple[str, EventType, Row]] = []
    moved = before is not None and before["subject_key"] != after["subject_key"]
    if before is not None and shown(before) and before["subject_key"] and (moved or not shown(after)):
        repaired = not moved and after["state"] == State.REPAIRED
        type_ = EventType.LISTING_REPAIRED if repaired else EventType.LISTING_REMOVED
        happened.append((before["subject_key"], type_, before))
    if shown(after) and after["subject_key"]:
        known = before is not None and shown(before) and not moved
        type_ = EventType.LISTING_CHANGED if known else EventType.LISTING_LISTED
        happened.append((after["subject_key"], type_, after))
    return happened


async def _corrected(
    connection: AsyncConnection, before: Mapping[str, Row], changed: Mapping[str, Row]
) -> list[EventDraft]:
    """Tell each client whose earlier answer rested on what was annulled or corrected (办法一 Art. 16)."""
    wrong = {key: row for key, row in changed.items() if (old := before.get(key)) is not None and _was_wrong(old, row)}
    return await corrections(connection, wrong) if wrong else []


def _was_wrong(before: Row, after: Row) -> bool:
    if not shown(before):
        return False
    if after["state"] == State.ANNULLED:
        return True
    return shown(after) and (
        before["subject_key"] != after["subject_key"] or _judged(before["listing"]) != _judged(after["listing"])
    )


def _judged(listing: bytes) -> tuple[Any, ...]:
    """What of a listing an answer rests on."""
    said = decode_listing(listing)
    return said.list, said.category, said.severity, said.determination, said.checked, said.document_no


async def corrections(
    connection: AsyncConnection, wrong: Mapping[str, Row], decision_ids: Collection[str] | None = None
) -> list[EventDraft]:
    """What to tell of decisions that rested on these listings; of those decisions only, where they are named."""
    query = (
        select(decision_listings.c.listing_key, decisions)
        .join(decisions, decisions.c.id == decision_listings.c.decision_id)
        .where(decision_listings.c.listing_key.in_(wrong))
        .order_by(decisions.c.decided_at)
    )
    if decision_ids is not None:
        query = query.where(decision_listings.c.decision_id.in_(decision_ids))
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in (await connection.execute(query)).mappings():
        told = {"id": row["id"], "scene": row["scene"], "transaction_id": row["transaction_id"]}
        told |= {"outcome": row["outcome"], "decided_at": rfc3339(from_milliseconds(row["decided_at"]))}
        found.setdefault((row["client"], row["listing_key"]), []).append(told)
    return [
        EventDraft(
            client,
            EventType.DECISION_CORRECTED,
            {"listing": key, "cause": _cause(wrong[key]), "decisions": told[start : start + _DECISIONS_AT_ONCE]},
        )
        for (client, key), told in found.items()
        for start in range(0, len(told), _DECISIONS_AT_ONCE)
    ]


def _cause(row: Row) -> str:
    """Why: the state that a listing came to, ``struck`` by a black one, or ``corrected``."""
    if row["state"] != State.IN_FORCE:
        return str(row["state"])
    return "struck" if row["struck"] is not None else "corrected"


def _public(listing: Listing) -> dict[str, Any]:
    """What a watcher is told of a listing: no identifier, no name."""
    return {
        "id": listing.key,
        "list": listing.list.value,
        "category": listing.category,
        "severity": listing.severity.value,
        "determination": listing.determination.value,
        "authority": listing.authority,
        "document_no": listing.document_no,
        "determined_on": listing.determined_on.isoformat(),
        "valid_until": listing.valid_until.isoformat() if listing.valid_until else None,
        "objection_open": listing.objection_open,
    }
