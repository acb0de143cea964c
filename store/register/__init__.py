"""The register in Redis: the listings in force now, and the log of their changes.

    worker:  RegisterChange ─▶ writer ─▶ apply.lua ─▶ listing and subject keys, metadata, change log
    gateway: subject and name keys ─▶ reader ─▶ LookUp, or RegisterUnavailableError
             change log ─▶ store.replica
    operator: ledger ─▶ rebuild ─▶ another generation ─▶ swap.lua;  ledger + dump ─▶ verify ─▶ RegisterDiff

keys      names of the Redis keys
metadata  the metadata hash and the last sequence, parsed
reader    look-ups                        writer   changes, heartbeat, loading, swap
rebuild   a new generation from the ledger
verify    ledger against register         dump, diff   what verify reads, and what it finds

May import rules, store.db and store.ledger.
"""
