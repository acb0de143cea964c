"""Red listings excluded by a black one of the same subject, and the notice to their authority (办法一 Art. 4)."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping

from msgspec.structs import replace
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from rules.listings.red_against_black import Exclusion, ListingPeriod, excluded_red_listings
from rules.vocabulary import ListColour
from store.db.hash_chain import HashChain
from store.db.schema import notices
from store.ledger.listing_row import ListingRow

Exclusions = Mapping[str, tuple[Exclusion, str]]
"""By key of an excluded red listing: how it is excluded, and the key of the black listing."""


def subjects_to_compare(rows: Iterable[ListingRow]) -> set[str]:
    """The subjects of red listings and of decisive black ones: all of their listings have to be compared."""
    return {
        row.subject_key
        for row in rows
        if row.subject_key and row.origin_key is None and (row.decisive or row.colour == ListColour.RED)
    }


def exclude_red(
    rows: Mapping[str, ListingRow], subjects: Collection[str]
) -> tuple[dict[str, ListingRow], dict[str, tuple[Exclusion, str]]]:
    """The rows with ``struck`` set or cleared on all listings of these subjects, and the exclusions found."""
    by_subject: defaultdict[str, list[ListingRow]] = defaultdict(list)
    for row in rows.values():
        if row.subject_key and row.subject_key in subjects and row.listing is not None and row.origin_key is None:
            by_subject[row.subject_key].append(row)
    result, exclusions = dict(rows), dict[str, tuple[Exclusion, str]]()
    for siblings in by_subject.values():
        found = excluded_red_listings([_period(row) for row in siblings])
        for row in siblings:
            result[row.key] = replace(row, struck=found[row.key][1] if row.key in found else None)
        exclusions |= found
    return result, exclusions


def _period(row: ListingRow) -> ListingPeriod:
    assert row.colour is not None
    assert row.first_day is not None
    return ListingPeriod(row.key, ListColour(row.colour), row.first_day, row.last_day, row.decisive)


async def append_notices(
    connection: AsyncConnection,
    chain: HashChain,
    exclusions: Exclusions,
    stored: Mapping[str, ListingRow],
    computed: Mapping[str, ListingRow],
    now: int,
) -> None:
    """Write a notice for each new exclusion, once for each pair of listings."""
    rows = [
        {
            "created_at": now,
            "authority": computed[key].authority,
            "kind": kind.value,
            "listing_key": key,
            "cause_key": cause,
        }
        for key, (kind, cause) in exclusions.items()
        if key not in stored or stored[key].struck != cause
    ]
    if not rows:
        return
    query = select(notices.c.kind, notices.c.listing_key, notices.c.cause_key)
    query = query.where(notices.c.listing_key.in_([row["listing_key"] for row in rows]))
    known = {tuple(row) for row in await connection.execute(query)}
    fresh = [row for row in rows if (row["kind"], row["listing_key"], row["cause_key"]) not in known]
    await chain.append(connection, notices, fresh)
