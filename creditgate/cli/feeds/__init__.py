"""``creditgate feed`` and ``creditgate feeds``: a department's files, and the state of all feeds.

    file ─▶ check: each row as the gateway would validate it
       └──▶ files: upload, receipts ──HTTP──▶ gateway ◀──HTTP── operations: status, release, discard

May import ``feed_upload``, ``embedded`` and the shared modules of ``cli``.
"""
