"""The states of a lock, and how a change of one is written and told."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from store.platforms.outbox import EventDraft, EventType

TERM_OVER = "term over"
"""Why a lock expired."""


class LockState(StrEnum):
    """held → released | confirmed | expired | lifted.

    Released by an entitled person, confirmed when the refusal was carried out, expired when its term ended with
    nobody deciding, lifted when the register no longer supports it.
    """

    HELD = "held"
    RELEASED = "released"
    CONFIRMED = "confirmed"
    EXPIRED = "expired"
    LIFTED = "lifted"


def change_row(
    lock_id: str,
    state: LockState,
    client: str,
    now: int,
    operator: str,
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


def lock_event(lock: Mapping[str, Any], type_: EventType, cause: str) -> EventDraft:
    """What the platform is told of its lock."""
    data = {name: lock[name] for name in ("scope", "target", "scene", "decision_id")}
    return EventDraft(lock["client"], type_, {"lock": lock["id"], "cause": cause} | data)
