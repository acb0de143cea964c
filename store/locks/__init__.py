"""Locks: SQL decides, Redis shows readers which targets are locked.

    acquire_with_decision ─▶ support (listings locked) ─▶ transitions (acquire) ─▶ decision ─▶ commit ─▶ Redis
    held_on         ─▶ rows (held locks) ─▶ support (in force today)
    end, expire_due ─▶ transitions ─▶ event for the platform ─▶ commit ─▶ Redis

rows          Lock, LockRequest, LockTerms, their errors, and reading locks with the listings that support them
support       which listings support a lock now
transitions   locks acquired and ended within a transaction
store         LockStore: what the gateway and the worker call
queries       pages of locks

A lock also ends when its last listing ends: ``store.ledger.effects``. Imports ``rules``, ``store.db``,
``store.platforms``, ``store.ledger`` and the names of keys in ``store.register``.
"""
