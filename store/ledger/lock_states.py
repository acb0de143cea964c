"""The states of a lock, its row, and how a change of its state is recorded."""

from enum import StrEnum
from typing import Any, NamedTuple

from msgspec import Struct

from store.db.columns import SYSTEM
from store.platforms.outbox import EventDraft, EventType

TERM_OVER = "term over"
"""The reason of an expired lock."""


class LockState(StrEnum):
    """held → released | confirmed | expired | lifted.

    Released by an entitled person, confirmed when the refusal was carried out, expired when its term ended without a
    decision, lifted when no listing supports it any more.
    """

    HELD = "held"
    RELEASED = "released"
    CONFIRMED = "confirmed"
    EXPIRED = "expired"
    LIFTED = "lifted"


class LockRow(Struct, frozen=True):
    """The columns of ``locks``, in their order. Moments are in milliseconds."""

    id: str
    client: str
    scope: str
    target: str
    target_key: str
    scene: str
    decision_id: str
    created_at: int
    state: str
    expires_at: int
    due_at: int
    """When an entitled person should have decided on it."""
    ended_at: int | None = None


class LockChange(NamedTuple):
    """One entry of a lock's history."""

    changed_at: int
    state: str
    client: str
    operator: str | None
    reason: str | None
    document_no: str | None


class LiftedLock(NamedTuple):
    """A lifted lock, to be removed from Redis."""

    target_key: str
    lock_id: str


def lock_change_row(
    lock_id: str,
    state: LockState,
    now: int,
    client: str = SYSTEM,
    operator: str = SYSTEM,
    reason: str | None = None,
    document_no: str | None = None,
) -> dict[str, Any]:
    """A row of ``lock_changes``."""
    return {
        "lock_id": lock_id,
        "changed_at": now,
        "state": state.value,
        "client": client,
        "operator": operator,
        "reason": reason,
        "document_no": document_no,
    }


def lock_event(lock: LockRow, type_: EventType, cause: str) -> EventDraft:
    """The event that reports the end of a lock to its platform."""
    names = ("scope", "target", "scene", "decision_id")
    return EventDraft(
        lock.client, type_, {"lock": lock.id, "cause": cause} | {name: getattr(lock, name) for name in names}
    )
