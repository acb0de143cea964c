"""The state of each authority's feed.

    [streams] records ──▶ stats ──breach──▶ quarantine        (both within the ledger's transaction)
    [gateway] checks ◀── health ◀── last record, open quarantines

quarantine   feeds whose records are held until an entitled person decides
stats        counts in total and in the current window of the bounds
health       which feeds are unreliable now: in quarantine, or silent for too long

Imports ``rules`` and ``store.db``.
"""
