"""Checks of platforms with their answers, and what the platforms reported back.

``decisions``           one row per answer; chained
``decision_listings``   index from a listing to the decisions that counted it
``feedback``            reports on decisions, each correcting the one before; chained
"""

from sqlalchemy import BigInteger, Boolean, Column, LargeBinary, String, Table, Text

from store.db.columns import ADDED_LATER, chain_columns, metadata

decisions = Table(
    "decisions",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("decided_at", BigInteger, nullable=False, index=True),
    Column("client", String(64), nullable=False),
    Column("operator", String(128), nullable=False),
    Column("purpose", String(256), nullable=False),
    Column("scene", String(64), nullable=False),
    Column("transaction_id", String(128), nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("detail", LargeBinary, nullable=False),
    Column("feedback_due", BigInteger, index=True, info=ADDED_LATER),
    *chain_columns("decisions"),
)

decision_listings = Table(
    "decision_listings",
    metadata,
    Column("listing_key", String(32), primary_key=True),
    Column("decision_id", String(40), primary_key=True),
)

feedback = Table(
    "feedback",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("decision_id", String(40), nullable=False, index=True),
    Column("given_at", BigInteger, nullable=False),
    Column("client", String(64), nullable=False),
    Column("operator", String(128), nullable=False),
    Column("carried_out", Boolean, nullable=False),
    Column("measures", LargeBinary, nullable=False),
    Column("reason", Text),
    Column("approved_by", String(128)),
    Column("document_no", String(128)),
    Column("corrects", String(40), unique=True),
    *chain_columns("feedback"),
)
