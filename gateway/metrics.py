"""The closed list of the gateway's metrics. Label values come from configuration, never from a request."""

from prometheus_client import Counter, Gauge, Histogram

CHECK_BUCKETS = (
    0.00002,
    0.00005,
    0.0001,
    0.0002,
    0.0005,
    0.001,
    0.002,
    0.005,
    0.01,
    0.02,
    0.05,
    0.1,
    0.2,
    0.5,
    1.0,
    2.0,
    5.0,
)
"""Seconds: a check answered from memory takes tens of microseconds, one that writes to the ledger milliseconds."""
CHECKS = Counter("creditgate_checks", "Checks answered, by scene and outcome.", ["scene", "outcome"])

CHECK_SECONDS = Histogram(
    "creditgate_check_duration_seconds",
    "Time to answer a check.",
    ["scene"],
    buckets=CHECK_BUCKETS,
)
LOOP_DELAY = Histogram(
    "creditgate_event_loop_delay_seconds",
    "How late the event loop resumes a task, measured twenty times a second.",
    buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0),
)
PROBLEMS_ANSWERED = Counter("creditgate_problems", "Requests answered with a problem, by code.", ["code"])
LOCKS_HELD = Counter("creditgate_locks", "Locks newly held, by scene and scope.", ["scene", "scope"])
INDETERMINATE = Counter(
    "creditgate_checks_indeterminate", "Checks answered indeterminate, by cause.", ["scene", "cause"]
)
SHADOW_RULES = Counter("creditgate_shadow_rules", "Times a rule in shadow mode would have fired.", ["rule", "outcome"])
LOCKS_OVERDUE = Gauge(
    "creditgate_locks_overdue", "Held locks whose decision is overdue.", ["scene"], multiprocess_mode="mostrecent"
)
POLICY_RELOADS = Counter("creditgate_policy_reloads", "Times a changed policy file was loaded or refused.", ["result"])
POLICY_REFUSED = Gauge(
    "creditgate_policy_refused",
    "1 while the policy file on disk is refused and the policy before it is in force.",
    multiprocess_mode="livemax",
)
FORMAT_RELOADS = Counter("creditgate_format_reloads", "Times changed format files were loaded or refused.", ["result"])
FORMATS_REFUSED = Gauge(
    "creditgate_formats_refused",
    "1 while the format files on disk are refused and those before them are in force.",
    multiprocess_mode="livemax",
)
REPLICA_STATE = Gauge(
    "creditgate_replica_state", "Processes by the state of their replica.", ["state"], multiprocess_mode="livesum"
)
REPLICA_HEARD = Histogram(
    "creditgate_replica_heard_seconds",
    "Seconds since the replica last heard from Redis, measured each second.",
    buckets=(0.01, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30),
)
REPLICA_LOADS = Counter("creditgate_replica_loads", "Times a replica was loaded, by cause.", ["cause"])
EVENT_STREAMS = Gauge("creditgate_event_streams", "Open event streams.", multiprocess_mode="livesum")
TICKETS_VERIFIED = Counter("creditgate_tickets_verified", "Clearance tickets verified, by result.", ["result"])
DELIVERED = Counter(
    "creditgate_feed_deliveries_records",
    "Records delivered over HTTP, by authority and result.",
    ["authority", "result"],
)
SNAPSHOTS_HELD = Counter(
    "creditgate_snapshots_held", "Full lists that put a feed in quarantine, by cause.", ["authority", "cause"]
)
REGISTER_LISTINGS = Gauge("creditgate_register_listings", "Listings in the register.", multiprocess_mode="mostrecent")
REGISTER_SEQUENCE = Gauge(
    "creditgate_register_sequence", "Sequence of the register's last change.", multiprocess_mode="mostrecent"
)
REGISTER_LOADED = Gauge(
    "creditgate_register_loaded",
    "1 when the register is complete and reachable.",
    multiprocess_mode="mostrecent",
)
CANARY_SECONDS = Histogram(
    "creditgate_canary_seconds",
    "From a canary's record published until this process answers by it, by step: in_force, free.",
    ["step"],
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30),
)
CANARY_FAILED = Counter("creditgate_canary_failed", "Rounds of the canary that failed.")
CANARY_FLOWN = Gauge(
    "creditgate_canary_flown_timestamp_seconds",
    "When the canary last finished that step, in the process where that is longest ago.",
    ["step"],
    multiprocess_mode="livemin",
)
AUDIT_SPOOLED = Counter("creditgate_audit_spooled", "Decisions written to the spool while the broker was unavailable.")
AUDIT_UNREADABLE = Counter("creditgate_audit_unreadable", "Spooled batches that could not be read and were set aside.")
AUDIT_WAITING = Gauge("creditgate_audit_waiting", "Decisions not yet on their topic.", multiprocess_mode="livesum")
IN_HAND = Gauge(
    "creditgate_requests_in_hand", "Requests in flight, by concurrency limit.", ["gate"], multiprocess_mode="livesum"
)
REFUSED = Counter(
    "creditgate_refused", "Requests and connections refused because of load, rate or slowness, by reason.", ["reason"]
)


def check_seconds(scene: str) -> Histogram:
    """The histogram of a scene of the policy."""
    return CHECK_SECONDS.labels(scene)


def count_outcome(scene: str, outcome: str, count: int = 1) -> None:
    """Count answers in a scene of the policy."""
    CHECKS.labels(scene, outcome).inc(count)
