"""Which listings support a lock, as the ledger has them now."""

from collections.abc import Collection
from datetime import date

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from rules.listings.validity import in_force
from store.db.engine import for_share
from store.db.schema import listings
from store.ledger.listing_row import ListingRow
from store.locks.rows import Lock, LockSupportLostError


async def require_support(connection: AsyncConnection, keys: Collection[str], subjects: Collection[str] | None) -> None:
    """Lock these listings of these subjects against changes until the transaction ends.

    Raises ``LockSupportLostError`` where one of them does not support a lock any more.
    """
    if not keys:
        return
    query = for_share(connection, select(listings).where(listings.c.key.in_(keys)))
    rows = [ListingRow(*row) for row in await connection.execute(query)]
    supporting = {row.key for row in rows if row.supports_lock and (subjects is None or row.subject_key in subjects)}
    if supporting != set(keys):
        raise LockSupportLostError(set(keys) - supporting)


async def supported_on(connection: AsyncConnection, found: Collection[Lock], today: date) -> list[Lock]:
    """The locks that rest on no listing or on one in force on that day; the expiry task may not have ended others."""
    keys = {key for lock in found for key in lock.listings}
    if not keys:
        return list(found)
    result = await connection.execute(select(listings).where(listings.c.key.in_(keys)))
    rows = [ListingRow(*row) for row in result]
    supporting = {row.key for row in rows if row.supports_lock and in_force(row.last_day, today)}
    return [lock for lock in found if not lock.listings or supporting & set(lock.listings)]
