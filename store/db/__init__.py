"""The SQL database: SQLite in embedded mode, PostgreSQL in production.

    migrate ─▶ migrations/versions ─▶ tables          at start
    store.* ─▶ engine (connect, transactions, upsert) ─▶ tables
            └▶ hash_chain (append, verify)            ─▶ chained tables

engine       connections, writing transactions, row locks, upsert
schema       every table, and which of them are chained
*_tables     the tables by concern: feeds, listings, decisions, locks, clients
columns      metadata and the columns that several tables have
hash_chain   numbers and seals of chained tables
migrate      brings a database up to date

Imports ``rules`` only.
"""
