"""All metrics of the worker."""

from prometheus_client import Counter, Gauge, Histogram

FEED_RECORDS = Counter("creditgate_feed_records", "Feed records by outcome.", ["authority", "result"])
FEED_FAULTS = Counter("creditgate_feed_faults", "Rejected feed records by code.", ["code"])
FEED_DELAY = Histogram(
    "creditgate_feed_to_register_seconds",
    "From acceptance by the gateway to the register.",
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 300),
)
FEED_LAG = Histogram(
    "creditgate_feed_lag_working_days",
    "Working days from determination to arrival; 办法一 Art. 9 allows 7.",
    ["authority"],
    buckets=(0, 1, 2, 3, 5, 7, 10, 15, 30, 60),
)
FEEDS_HELD = Counter("creditgate_feeds_held", "Times a feed was put into quarantine.", ["authority", "cause"])
RED_EXCLUDED = Counter(
    "creditgate_red_listings_struck", "Red listings excluded or suspended by a black one (办法一 Art. 4)."
)
LISTINGS_ENDED = Counter("creditgate_listings_ended", "Listings removed from the register because they expired.")
LOCKS_ENDED = Counter("creditgate_locks_ended", "Locks that ended without an official: lifted, expired.", ["state"])
WEBHOOK_CALLS = Counter("creditgate_webhook_calls", "Webhook calls by result.", ["result"])
DEPENDENCY_RETRIES = Counter(
    "creditgate_dependency_retries", "Retries during an outage of a dependency.", ["dependency"]
)
REBUILDS = Counter("creditgate_register_rebuilds", "Times the register was loaded from the ledger.", ["extent"])
LEDGER_DECISIONS = Counter("creditgate_ledger_decisions", "Decisions written to the ledger by the worker.")
LAST_WRITE = Gauge(
    "creditgate_worker_last_write_timestamp_seconds",
    "When the worker last wrote to the register.",
    multiprocess_mode="mostrecent",
)
