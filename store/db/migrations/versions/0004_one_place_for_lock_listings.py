"""The listings that support a lock are in ``lock_listings`` alone: the JSON copy ``locks.held_by`` is dropped.

The copy held the same keys in the order in which they were added; nothing reads that order. Keys that only the
copy has are carried over before the column is dropped (SQLite 3.35 or later).
"""

import json

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_locks = sa.table("locks", sa.column("id", sa.String), sa.column("held_by", sa.LargeBinary))
_lock_listings = sa.table("lock_listings", sa.column("lock_id", sa.String), sa.column("listing_key", sa.String))
_PAGE_ROWS = 1000


def upgrade() -> None:
    last = ""
    while page := _page_after(last):
        _carry_over(page)
        last = list(page)[-1]
    op.drop_column("locks", "held_by")


def _page_after(last: str) -> dict[str, list[str]]:
    """The next locks by id, each with its keys from the JSON copy."""
    query = sa.select(_locks).where(_locks.c.id > last).order_by(_locks.c.id).limit(_PAGE_ROWS)
    return {lock: json.loads(bytes(held_by)) for lock, held_by in op.get_bind().execute(query)}


def _carry_over(page: dict[str, list[str]]) -> None:
    known = sa.select(_lock_listings).where(_lock_listings.c.lock_id.in_(page))
    present = {tuple(row) for row in op.get_bind().execute(known)}
    missing = [
        {"lock_id": lock, "listing_key": key}
        for lock, keys in page.items()
        for key in dict.fromkeys(keys)
        if (lock, key) not in present
    ]
    if missing:
        op.bulk_insert(_lock_listings, missing)


def downgrade() -> None:
    raise RuntimeError("the ledger only goes forward")
