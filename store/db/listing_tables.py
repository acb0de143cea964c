"""What the feed events add up to.

``listings``   one row per listing, and one per person whom a severe listing of an organisation names;
               computed from ``feed_events``, from which it can be rebuilt
``notices``    messages to an authority about its excluded red listings (办法一 Art. 4); chained
"""

from sqlalchemy import BigInteger, Boolean, Column, Date, Index, Integer, LargeBinary, String, Table, UniqueConstraint

from store.db.columns import chain_columns, metadata, row_id

listings = Table(
    "listings",
    metadata,
    Column("key", String(32), primary_key=True),
    Column("version", BigInteger, nullable=False, index=True),
    Column("authority", String(64), nullable=False),
    Column("record_no", String(128)),
    Column("origin_key", String(32), index=True),
    Column("subject_key", String(32), index=True),
    Column("name_key", String(32)),
    Column("colour", String(8)),
    Column("first_day", Date),
    Column("last_day", Date),
    Column("decisive", Boolean, nullable=False),
    Column("state", String(16), nullable=False),
    Column("struck", String(32)),
    Column("provisional", Boolean, nullable=False),
    Column("objections", Integer, nullable=False),
    Column("content", String(32)),
    Column("listing", LargeBinary),
    Index("listings_by_authority", "authority", "state"),
    Index("listings_by_end", "state", "last_day"),
)

notices = Table(
    "notices",
    metadata,
    Column("id", row_id, primary_key=True, autoincrement=True),
    Column("created_at", BigInteger, nullable=False),
    Column("authority", String(64), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("listing_key", String(32), nullable=False),
    Column("cause_key", String(32), nullable=False),
    *chain_columns("notices"),
    UniqueConstraint("kind", "listing_key", "cause_key", name="notices_once_each"),
    Index("notices_by_authority", "authority", "id"),
)
