"""Entry points of the program. They wire the other packages together; no package imports them.

    creditgate up ───────────▶ embedded ──▶ valkey, creditgate worker, creditgate serve
    creditgate serve|worker ─▶ cli ───────▶ gateway, streams
    creditgate check|feed|… ─▶ cli ──HTTP─▶ a running gateway      (feed_upload for files)
    creditgate register|… ───▶ cli ───────▶ register and ledger, for the operator

``feed_upload`` uploads records over HTTP, ``embedded`` runs a whole deployment on one machine, ``cli`` is the command
line. May import every package of the program; rooms in the order feed_upload, embedded, cli.
"""
