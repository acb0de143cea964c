"""All that the ledger knows for a question about credit repair."""

from datetime import timedelta
from typing import Any

from rules.listings.life import Life, State, life_of
from rules.listings.listing import Listing, decode_listing
from rules.records.feed_record import FeedRecord, ListRecord, Organisation, feed_record_from_json
from rules.repair.case import Discredit, ListingToRepair, RepairCase, StatedFacts
from rules.vocabulary import ListColour
from rules.working_days import WorkingDays
from store.ledger.listing_queries import ListingQueries


async def repair_case(
    table: ListingQueries, working_days: WorkingDays, row: dict[str, Any], facts: StatedFacts
) -> RepairCase | None:
    """The case of one row of ``listings``; None where the listing itself has not come or was annulled."""
    life = await _life(table, working_days, row["origin_key"] or row["key"])
    if life.record is None or row["listing"] is None:
        return None
    others = await table.of_subject(row["subject_key"]) if row["subject_key"] else []
    related = {row["key"], row["origin_key"]}
    return RepairCase(
        listing=_to_repair(row, decode_listing(row["listing"]), life.record),
        others=tuple(
            _discredit(other, decode_listing(other["listing"]))
            for other in others
            if other["key"] not in related and other["listing"] is not None and other["colour"] == ListColour.BLACK
        ),
        facts=facts,
    )


async def _life(table: ListingQueries, working_days: WorkingDays, key: str) -> Life:
    said = [event for event in await table.events(key) if event["ordering"] is not None and event["record"] is not None]
    records: list[FeedRecord] = [
        feed_record_from_json(event["record"]) for event in sorted(said, key=lambda event: event["ordering"])
    ]
    return life_of(records, working_days)


def _to_repair(row: dict[str, Any], listing: Listing, record: ListRecord) -> ListingToRepair:
    return ListingToRepair(
        category=listing.category,
        determined_on=listing.determined_on,
        severity=listing.severity,
        determination=listing.determination,
        state=State(row["state"]),
        list=listing.list,
        organisation=listing.origin is None and isinstance(record.subject, Organisation),
        last_day=listing.valid_until,
        published_from=record.published_from,
        first_listing=record.first_listing,
    )


def _discredit(row: dict[str, Any], listing: Listing) -> Discredit:
    state = State(row["state"])
    over = state is not State.IN_FORCE and listing.valid_until is not None
    return Discredit(
        category=listing.category,
        determined_on=listing.determined_on,
        severity=listing.severity,
        determination=listing.determination,
        state=state,
        ended_on=listing.valid_until + timedelta(days=1) if over and listing.valid_until else None,
    )
