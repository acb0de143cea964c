"""The worker: a Faust application that processes feed records and decisions.

    credit.feeds, change topics ─▶ feed_agent: validate ─┬─▶ ledger ─▶ register ─▶ acknowledge
                                                         └─▶ credit.feeds.rejected (bad records)
    credit.decisions ─▶ decision_agent ─▶ ledger ─▶ acknowledge
    beside them: recovery (register complete), expiry_task, webhook_task, trimming of dead_letters

An event is acknowledged only after its effect. A bad record goes to the dead letters and the stream goes on; a
dependency that is unavailable is retried without end, with nothing acknowledged meanwhile.

worker, app, services  process, Faust settings and agents, wiring    batches  batches and acknowledgement
validation             messages to validated arrivals                retry    outages
rstream                Faust over Valkey Streams, for embedded mode  metrics  the worker's metrics

May import rules, store, config and intake; never gateway.
"""
