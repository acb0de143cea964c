"""The life of a listing: computed listings, quarantines, notices, status of feeds, and the hash chain."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_row_id = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.add_column("feed_events", sa.Column("hold_id", sa.String(40)))
    op.add_column("feed_events", sa.Column("chain", sa.String(32)))
    op.create_index("feed_events_by_hold", "feed_events", ["hold_id", "id"])
    if op.get_bind().dialect.name == "postgresql":
        op.alter_column("feed_events", "ordering", type_=sa.String(64))
    for table in ("receipts", "decisions", "lock_changes"):
        op.add_column(table, sa.Column("chain_no", sa.BigInteger))
        op.add_column(table, sa.Column("chain", sa.String(32)))
        op.create_index(f"{table}_by_chain", table, ["chain_no"], unique=True)
    _listings()
    _holds()
    _notices_and_status()
    for table in ("hold_changes", "notices"):
        _only_append(table)


def _listings() -> None:
    op.create_table(
        "listings",
        sa.Column("key", sa.String(32), primary_key=True),
        sa.Column("version", sa.BigInteger, nullable=False, index=True),
        sa.Column("authority", sa.String(64), nullable=False),
        sa.Column("record_no", sa.String(128)),
        sa.Column("origin_key", sa.String(32), index=True),
        sa.Column("subject_key", sa.String(32), index=True),
        sa.Column("name_key", sa.String(32)),
        sa.Column("colour", sa.String(8)),
        sa.Column("first_day", sa.Date),
        sa.Column("last_day", sa.Date),
        sa.Column("decisive", sa.Boolean, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("struck", sa.String(32)),
        sa.Column("provisional", sa.Boolean, nullable=False),
        sa.Column("objections", sa.Integer, nullable=False),
        sa.Column("content", sa.String(32)),
        sa.Column("listing", sa.LargeBinary),
    )
    op.create_index("listings_by_authority", "listings", ["authority", "state"])
    op.create_index("listings_by_end", "listings", ["state", "last_day"])


def _holds() -> None:
    op.create_table(
        "holds",
        sa.Column("id", sa.String(40), primary_key=True),
        sa.Column("authority", sa.String(64), nullable=False),
        sa.Column("cause", sa.String(64), nullable=False),
        sa.Column("opened_at", sa.BigInteger, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
    )
    is_open = sa.text("state = 'open'")
    op.create_index(
        "holds_one_open_per_authority",
        "holds",
        ["authority"],
        unique=True,
        sqlite_where=is_open,
        postgresql_where=is_open,
    )
    op.create_table(
        "hold_changes",
        sa.Column("id", _row_id, primary_key=True, autoincrement=True),
        sa.Column("hold_id", sa.String(40), nullable=False, index=True),
        sa.Column("changed_at", sa.BigInteger, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("client", sa.String(64), nullable=False),
        sa.Column("operator", sa.String(128), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("chain_no", sa.BigInteger),
        sa.Column("chain", sa.String(32)),
    )
    op.create_index("hold_changes_by_chain", "hold_changes", ["chain_no"], unique=True)


def _notices_and_status() -> None:
    op.create_table(
        "notices",
        sa.Column("id", _row_id, primary_key=True, autoincrement=True),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("authority", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("listing_key", sa.String(32), nullable=False),
        sa.Column("cause_key", sa.String(32), nullable=False),
        sa.Column("chain_no", sa.BigInteger),
        sa.Column("chain", sa.String(32)),
        sa.UniqueConstraint("kind", "listing_key", "cause_key", name="notices_once_each"),
    )
    op.create_index("notices_by_authority", "notices", ["authority", "id"])
    op.create_index("notices_by_chain", "notices", ["chain_no"], unique=True)
    counts = [
        *("last_record_at", "received", "rejected", "held", "listings", "late", "working_days", "listed"),
        *("window_start", "window_added", "window_removed", "window_received", "window_rejected"),
    ]
    op.create_table(
        "feed_status",
        sa.Column("authority", sa.String(64), primary_key=True),
        *(sa.Column(name, sa.BigInteger, nullable=False, server_default="0") for name in counts),
    )


def _only_append(table: str) -> None:
    if op.get_bind().dialect.name == "sqlite":
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            )
        return
    op.execute(
        f"CREATE FUNCTION {table}_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{table} is append-only'; END $$"
    )
    op.execute(
        f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
        f"FOR EACH STATEMENT EXECUTE FUNCTION {table}_append_only()"
    )


def downgrade() -> None:
    raise RuntimeError("the ledger only goes forward")
