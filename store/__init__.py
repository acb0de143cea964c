"""The state that the gateway and the streams share.

    [streams] records ─▶ ledger (SQL) ─▶ register (Redis) ─▶ change log ─▶ replica ─▶ [gateway] checks
    [gateway] decisions ─▶ broker ─▶ [streams] ─▶ ledger
    [gateway] locks ─▶ locks (SQL) ─▶ register (Redis)

db         connections, tables, the hash chain, migrations
broker     publishing to Kafka or to Valkey Streams
platforms  clients, watches, events, webhooks, feedback
feeds      quarantine, statistics and health of feeds
ledger     feed events, listings and their effects, decisions
register   the listings in force in Redis: keys, reads, writes, rebuild, verification
locks      locks in SQL, shown in Redis
replica    the copy of the register in each gateway process

Imports ``rules`` only.
"""
