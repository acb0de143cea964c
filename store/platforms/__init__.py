"""Clients and what they subscribe to.

    ended lock, changed listing ─▶ outbox (client_events) ─┬─▶ EventStore ─▶ [gateway] event stream
                                                           └─▶ webhooks ───▶ [streams] calls

clients      registered callers and their grants
watches      the subjects that a client watches
outbox       events for clients
webhooks     where clients are called, and the state of each call
ssrf_guard   which addresses may be called
feedback     reports on decisions, and decisions that wait for one

Imports ``rules`` and ``store.db``.
"""
