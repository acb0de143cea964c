"""Row types are built by position from whole rows, so their fields are the columns of the table, in order."""

import msgspec
import pytest
from sqlalchemy import Table

from store.db.schema import CHAINED, decisions, feedback, holds, listings, locks, metadata
from store.feeds.quarantine import QuarantineRow
from store.ledger.decisions import DecisionRow
from store.ledger.listing_row import ListingRow
from store.ledger.lock_states import LockRow
from store.platforms.feedback import FeedbackRow

CHAIN = {"chain_no", "chain"}


def columns(table: Table) -> list[str]:
    return [column.name for column in table.columns if column.name not in CHAIN]


@pytest.mark.parametrize(
    ("row", "table"), [(ListingRow, listings), (LockRow, locks), (QuarantineRow, holds), (DecisionRow, decisions)]
)
def test_a_row_type_has_the_columns_of_its_table(row: type[msgspec.Struct], table: Table) -> None:
    """``select(table)`` gives the fields of the type."""
    assert list(row.__struct_fields__) == columns(table)


def test_a_report_has_the_columns_of_its_table() -> None:
    """``_asdict`` gives the columns to insert."""
    assert list(FeedbackRow._fields) == columns(feedback)


def test_every_table_with_a_seal_is_verified() -> None:
    """Every table with a hash chain is in ``CHAINED``; a missing one would never be verified."""
    assert {table.name for table in CHAINED} == {
        table.name for table in metadata.sorted_tables if "chain" in table.columns
    }
