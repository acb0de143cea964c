"""The state both roads share: the register in Redis, the topics, locks, and the ledger in SQL.

[streams] claim ─▶ ledger.record ─▶ register_writer.apply ─▶ change log
[gateway] subject keys ─▶ register_reader.look_up ─▶ listings, or unknown with its cause
"""
