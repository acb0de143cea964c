"""The platform's side: states of locks, what they rest on, feedback, watches, and events for clients."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_row_id = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_NINETY_DAYS_MS = 90 * 86_400_000


def upgrade() -> None:
    op.add_column("decisions", sa.Column("feedback_due", sa.BigInteger))
    op.create_index("ix_decisions_feedback_due", "decisions", ["feedback_due"])
    op.add_column("lock_changes", sa.Column("document_no", sa.String(128)))
    _locks()
    op.create_table(
        "decision_listings",
        sa.Column("listing_key", sa.String(32), primary_key=True),
        sa.Column("decision_id", sa.String(40), primary_key=True),
    )
    op.create_table(
        "feedback",
        sa.Column("id", sa.String(40), primary_key=True),
        sa.Column("decision_id", sa.String(40), nullable=False, index=True),
        sa.Column("given_at", sa.BigInteger, nullable=False),
        sa.Column("client", sa.String(64), nullable=False),
        sa.Column("operator", sa.String(128), nullable=False),
        sa.Column("carried_out", sa.Boolean, nullable=False),
        sa.Column("measures", sa.LargeBinary, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("approved_by", sa.String(128)),
        sa.Column("document_no", sa.String(128)),
        sa.Column("corrects", sa.String(40), unique=True),
        sa.Column("chain_no", sa.BigInteger),
        sa.Column("chain", sa.String(32)),
    )
    op.create_index("feedback_by_chain", "feedback", ["chain_no"], unique=True)
    _watches_and_events()
    for table in ("feedback", "client_events"):
        _only_append(table)


def _locks() -> None:
    """A lock made before this had no term: it gets ninety days from its making."""
    op.alter_column("locks", "released_at", new_column_name="ended_at")
    op.add_column("locks", sa.Column("state", sa.String(16), nullable=False, server_default="held"))
    op.add_column("locks", sa.Column("expires_at", sa.BigInteger, nullable=False, server_default="0"))
    op.add_column("locks", sa.Column("due_at", sa.BigInteger, nullable=False, server_default="0"))
    op.execute("UPDATE locks SET state = 'released' WHERE ended_at IS NOT NULL")
    term: sa.ColumnElement[int] = sa.column("created_at", sa.BigInteger) + _NINETY_DAYS_MS
    locks = sa.table("locks", sa.column("expires_at"), sa.column("due_at"))
    op.execute(sa.update(locks).values(expires_at=term, due_at=term))
    op.create_index("locks_by_client", "locks", ["client", "created_at", "id"])
    op.create_index("locks_by_expiry", "locks", ["state", "expires_at"])
    listed = op.create_table(
        "lock_listings",
        sa.Column("lock_id", sa.String(40), primary_key=True),
        sa.Column("listing_key", sa.String(32), primary_key=True),
    )
    op.create_index("lock_listings_by_listing", "lock_listings", ["listing_key"])
    held = op.get_bind().execute(sa.text("SELECT id, held_by FROM locks")).all()
    rows = [
        {"lock_id": lock, "listing_key": key} for lock, held_by in held for key in dict.fromkeys(_keys(bytes(held_by)))
    ]
    if rows:
        op.bulk_insert(listed, rows)


def _keys(held_by: bytes) -> list[str]:
    return [part.strip(' "') for part in held_by.decode().strip("[]").split(",") if part.strip(' "')]


def _watches_and_events() -> None:
    op.create_table(
        "watches",
        sa.Column("client", sa.String(64), primary_key=True),
        sa.Column("reference", sa.String(128), primary_key=True),
        sa.Column("subject_key", sa.String(32), nullable=False, index=True),
        sa.Column("created_at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "client_events",
        sa.Column("id", _row_id, primary_key=True, autoincrement=True),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("client", sa.String(64), nullable=False),
        sa.Column("type", sa.String(32), nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
        sa.Column("chain", sa.String(32)),
    )
    op.create_index("client_events_by_client", "client_events", ["client", "id"])
    op.create_table(
        "webhooks",
        sa.Column("client", sa.String(64), primary_key=True),
        sa.Column("url", sa.String(2048), nullable=False),
        sa.Column("generation", sa.Integer, nullable=False),
        sa.Column("old_secret_until", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("created_at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "webhook_deliveries",
        sa.Column("event_id", sa.BigInteger, primary_key=True),
        sa.Column("client", sa.String(64), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("next_at", sa.BigInteger, nullable=False),
        sa.Column("first_at", sa.BigInteger),
        sa.Column("last_answer", sa.String(64)),
    )
    op.create_index("webhook_deliveries_due", "webhook_deliveries", ["state", "next_at"])
    op.create_index("webhook_deliveries_by_client", "webhook_deliveries", ["client", "state", "event_id"])


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
