"""What the table definitions share: their metadata, and columns that several tables have."""

from sqlalchemy import BigInteger, Column, Index, Integer, MetaData, String

metadata = MetaData()
ADDED_LATER = {"later": True}
"""Marks a column added to a chained table after its first rows: a row with NULL there keeps its old seal."""
SYSTEM = "creditgate"
"""Client and operator in the rows of what CreditGate does by itself."""
row_id = BigInteger().with_variant(Integer, "sqlite")


def chain_columns(table: str) -> tuple[Column[int], Column[str], Index]:
    """Number and seal of a row in its table's hash chain (``store.db.hash_chain``), and their index."""
    number: Column[int] = Column("chain_no", BigInteger)
    return number, Column("chain", String(32)), Index(f"{table}_by_chain", number, unique=True)
