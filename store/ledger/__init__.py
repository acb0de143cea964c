"""The ledger in SQL: feed events, listings, their effects, decisions."""
