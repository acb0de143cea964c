"""The first ledger: feed events, receipts, decisions, locks and their changes, clients."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_row_id = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_held = sa.text("released_at IS NULL")


def upgrade() -> None:
    op.create_table(
        "feed_events",
        sa.Column("id", _row_id, primary_key=True, autoincrement=True),
        sa.Column("event_id", sa.String(128), nullable=False, unique=True),
        sa.Column("recorded_at", sa.BigInteger, nullable=False),
        sa.Column("authority", sa.String(64), nullable=False),
        sa.Column("operation", sa.String(16), nullable=False),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("code", sa.String(64)),
        sa.Column("fault", sa.Text),
        sa.Column("listing_key", sa.String(32)),
        sa.Column("ordering", sa.String(40)),
        sa.Column("default_version", sa.BigInteger),
        sa.Column("record", sa.LargeBinary),
        sa.Column("receipt_id", sa.String(40)),
        sa.Column("receipt_index", sa.Integer),
        sa.Column("topic", sa.String(128), nullable=False),
        sa.Column("partition", sa.Integer, nullable=False),
        sa.Column("offset", sa.BigInteger, nullable=False),
    )
    op.create_index("feed_events_by_listing", "feed_events", ["listing_key", "ordering"])
    op.create_index("feed_events_by_receipt", "feed_events", ["receipt_id", "receipt_index"])
    op.create_table(
        "receipts",
        sa.Column("id", sa.String(40), primary_key=True),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("authority", sa.String(64), nullable=False),
        sa.Column("client", sa.String(64), nullable=False),
        sa.Column("total", sa.Integer, nullable=False),
        sa.Column("refused", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "decisions",
        sa.Column("id", sa.String(40), primary_key=True),
        sa.Column("decided_at", sa.BigInteger, nullable=False),
        sa.Column("client", sa.String(64), nullable=False),
        sa.Column("operator", sa.String(128), nullable=False),
        sa.Column("purpose", sa.String(256), nullable=False),
        sa.Column("scene", sa.String(64), nullable=False),
        sa.Column("transaction_id", sa.String(128), nullable=False),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("detail", sa.LargeBinary, nullable=False),
    )
    op.create_index("ix_decisions_decided_at", "decisions", ["decided_at"])
    _locks_and_clients()
    for table in ("feed_events", "receipts", "decisions", "lock_changes"):
        _only_append(table)


def _only_append(table: str) -> None:
    """Have the database itself refuse to change or delete what the ledger holds."""
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


def _locks_and_clients() -> None:
    op.create_table(
        "locks",
        sa.Column("id", sa.String(40), primary_key=True),
        sa.Column("client", sa.String(64), nullable=False),
        sa.Column("scope", sa.String(16), nullable=False),
        sa.Column("target", sa.String(128), nullable=False),
        sa.Column("target_key", sa.String(32), nullable=False),
        sa.Column("scene", sa.String(64), nullable=False),
        sa.Column("decision_id", sa.String(40), nullable=False),
        sa.Column("held_by", sa.LargeBinary, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("released_at", sa.BigInteger),
    )
    op.create_index(
        "locks_one_held_per_target",
        "locks",
        ["target_key"],
        unique=True,
        sqlite_where=_held,
        postgresql_where=_held,
    )
    op.create_index("locks_by_target", "locks", ["target_key", "created_at"])
    op.create_table(
        "lock_changes",
        sa.Column("id", _row_id, primary_key=True, autoincrement=True),
        sa.Column("lock_id", sa.String(40), nullable=False, index=True),
        sa.Column("changed_at", sa.BigInteger, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("client", sa.String(64), nullable=False),
        sa.Column("operator", sa.String(128)),
        sa.Column("reason", sa.Text),
        sa.UniqueConstraint("lock_id", "state", name="lock_changes_once_each"),
    )
    op.create_table(
        "clients",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("key_hash", sa.String(64), nullable=False, unique=True),
        sa.Column("grants", sa.LargeBinary, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("revoked_at", sa.BigInteger),
    )


def downgrade() -> None:
    raise RuntimeError("the ledger only goes forward")
