"""Locks: a transaction or an account held until an entitled person releases it."""

from msgspec import Struct


class LockChange(Struct, frozen=True, kw_only=True):
    """One step in the history of a lock."""

    state: str
    at: str
    client: str | None = None
    operator: str | None = None
    reason: str | None = None
    document_no: str | None = None


class Lock(Struct, frozen=True, kw_only=True):
    """The current state of a lock. ``history`` is present only when a single lock is requested."""

    id: str
    state: str
    scope: str
    target: str
    scene: str
    decision_id: str
    held_since: str
    client: str | None = None
    listings: int | None = None
    history: tuple[LockChange, ...] = ()


class LockPage(Struct, frozen=True, kw_only=True):
    """A page of locks, with the cursor of the next page, if any."""

    locks: tuple[Lock, ...]
    next: str | None = None
