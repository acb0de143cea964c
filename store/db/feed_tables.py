"""What feeds send and what is recorded about each feed.

``feed_events``   one row per record received and per change made by the clock; chained
``receipts``      one row per delivery of a client; chained
``holds``         quarantines of a feed, one open at most per authority; ``hold_changes`` is their chained history
``feed_status``   counts per authority, in total and in the current window of ``rules.records.feed_bounds``
"""

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, String, Table, Text, text

from store.db.columns import chain_columns, metadata, row_id

feed_events = Table(
    "feed_events",
    metadata,
    Column("id", row_id, primary_key=True, autoincrement=True),
    Column("event_id", String(128), nullable=False, unique=True),
    Column("recorded_at", BigInteger, nullable=False),
    Column("authority", String(64), nullable=False),
    Column("operation", String(16), nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("code", String(64)),
    Column("fault", Text),
    Column("listing_key", String(32)),
    Column("ordering", String(64)),
    Column("default_version", BigInteger),
    Column("record", LargeBinary),
    Column("receipt_id", String(40)),
    Column("receipt_index", Integer),
    Column("topic", String(128), nullable=False),
    Column("partition", Integer, nullable=False),
    Column("offset", BigInteger, nullable=False),
    Column("hold_id", String(40)),
    Column("chain", String(32)),
    Index("feed_events_by_hold", "hold_id", "id"),
    Index("feed_events_by_listing", "listing_key", "ordering"),
    Index("feed_events_by_receipt", "receipt_id", "receipt_index"),
)

receipts = Table(
    "receipts",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("created_at", BigInteger, nullable=False),
    Column("authority", String(64), nullable=False),
    Column("client", String(64), nullable=False),
    Column("total", Integer, nullable=False),
    Column("refused", LargeBinary, nullable=False),
    *chain_columns("receipts"),
)

holds = Table(
    "holds",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("authority", String(64), nullable=False),
    Column("cause", String(64), nullable=False),
    Column("opened_at", BigInteger, nullable=False),
    Column("state", String(16), nullable=False),
    Index(
        "holds_one_open_per_authority",
        "authority",
        unique=True,
        sqlite_where=text("state = 'open'"),
        postgresql_where=text("state = 'open'"),
    ),
)

hold_changes = Table(
    "hold_changes",
    metadata,
    Column("id", row_id, primary_key=True, autoincrement=True),
    Column("hold_id", String(40), nullable=False, index=True),
    Column("changed_at", BigInteger, nullable=False),
    Column("state", String(16), nullable=False),
    Column("client", String(64), nullable=False),
    Column("operator", String(128), nullable=False),
    Column("reason", Text, nullable=False),
    *chain_columns("hold_changes"),
)

feed_status = Table(
    "feed_status",
    metadata,
    Column("authority", String(64), primary_key=True),
    *(
        Column(name, BigInteger, nullable=False, server_default="0")
        for name in (
            "last_record_at",
            "received",
            "rejected",
            "held",
            "listings",
            "late",
            "working_days",
            "listed",
            "window_start",
            "window_added",
            "window_removed",
            "window_received",
            "window_rejected",
        )
    ),
)
