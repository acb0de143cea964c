"""Feeds: from a department's delivery over HTTP to records on the topic ``credit.feeds``, and their operation.

    POST …/records ─▶ delivery: validate each record ───────────────┐
    POST …/files ─▶ upload: receive ─▶ upload_rows: validate rows ──┼─▶ publish: topic, receipt ─▶ 202
                     └▶ full_list: compare with what is in force ───┘
    canary: sends a record of its own down the same path and measures the time until this process answers by it

    handlers        deliveries, receipts, the JSON Schema of a record
    upload_handler  files; format_store holds the formats they may be in
    operations      feed status, quarantine, notices
    repair          whether a listing may be repaired

It imports ``gateway.web``, ``gateway.audit``, ``gateway.metrics``, ``rules``, ``store``, ``intake`` and ``config``.
"""
