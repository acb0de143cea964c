"""The embedded mode: all processes of a deployment on one machine, in one data directory.

    creditgate up
         │ data_dir: one owner, the pepper, settings with unix socket and SQLite
         ▼
    supervisor: ProcessGroup ──▶ valkey ──▶ provision: schema, topics, clients ──▶ worker, gateway ──▶ seeding
         │                          (each a SupervisedProcess: restarted when it ends, stopped in order)
         ▼
    SIGINT, SIGTERM, SIGHUP: gateway first, then worker, then valkey

May import every package but ``creditgate.cli``.
"""
