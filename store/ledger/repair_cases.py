"""What the ledger holds about a listing and its subject for a question about credit repair."""

from datetime import timedelta

from rules.listings.life import Life, State, life_of
from rules.listings.listing import Listing, decode_listing
from rules.records.feed_record import ListRecord, Organisation, feed_record_from_json
from rules.repair.case import Discredit, ListingToRepair, RepairCase, StatedFacts
from rules.vocabulary import ListColour
from rules.working_days import WorkingDays
from store.ledger.listing_queries import ListingQueries
from store.ledger.listing_row import ListingRow


async def repair_case(
    queries: ListingQueries, working_days: WorkingDays, row: ListingRow, facts: StatedFacts
) -> RepairCase | None:
    """The case of one listing; None where its list record has not arrived or was annulled."""
    life = await _life(queries, working_days, row.origin_key or row.key)
    if life.record is None or row.listing is None:
        return None
    others = await queries.of_subject(row.subject_key) if row.subject_key else []
    related = {row.key, row.origin_key}
    return RepairCase(
        listing=_to_repair(row, decode_listing(row.listing), life.record),
        others=tuple(
            _discredit(other, decode_listing(other.listing))
            for other in others
            if other.key not in related and other.listing is not None and other.colour == ListColour.BLACK
        ),
        facts=facts,
    )


async def _life(queries: ListingQueries, working_days: WorkingDays, key: str) -> Life:
    events = [(event.ordering, event.record) for event in await queries.events(key)]
    ordered = sorted((order, record) for order, record in events if order is not None and record is not None)
    return life_of([feed_record_from_json(record) for _, record in ordered], working_days)


def _to_repair(row: ListingRow, listing: Listing, record: ListRecord) -> ListingToRepair:
    return ListingToRepair(
        category=listing.category,
        determined_on=listing.determined_on,
        severity=listing.severity,
        determination=listing.determination,
        state=State(row.state),
        list=listing.list,
        organisation=listing.origin is None and isinstance(record.subject, Organisation),
        last_day=listing.valid_until,
        published_from=record.published_from,
        first_listing=record.first_listing,
    )


def _discredit(row: ListingRow, listing: Listing) -> Discredit:
    state = State(row.state)
    over = state is not State.IN_FORCE and listing.valid_until is not None
    return Discredit(
        category=listing.category,
        determined_on=listing.determined_on,
        severity=listing.severity,
        determination=listing.determination,
        state=state,
        ended_on=listing.valid_until + timedelta(days=1) if over and listing.valid_until else None,
    )
