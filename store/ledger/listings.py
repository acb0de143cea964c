"""The rows of ``listings``: computed from the feed events, compared with what is stored, and written.

    feed_events ──compare──▶ ListingDiff ──update──▶ listings, notices ──▶ side effects
                                                                       └──▶ RegisterChange (for Redis)

The rows can be computed from the events at any time; nothing else may write them. An update runs in the transaction
that wrote the events, one writer at a time. So a row's ``version``, the ledger's last number at that moment, only
grows, and the register can tell an older state of a listing from a newer one.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from msgspec.structs import asdict, replace
from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from rules.listings.indexer import ListingIndexer
from rules.listings.life import State, life_of
from rules.records.feed_record import FeedRecord, feed_record_from_json
from rules.working_days import WorkingDays
from store.db.engine import upsert
from store.db.hash_chain import HashChain
from store.db.schema import feed_events, listings
from store.ledger.effects.apply import apply_side_effects
from store.ledger.listing_row import ListingRow, RegisterChange, computed_row, register_change
from store.ledger.lock_states import LiftedLock
from store.ledger.red_exclusions import Exclusions, append_notices, exclude_red, subjects_to_compare


@dataclass(frozen=True, slots=True)
class ListingUpdate:
    """The result of updating some listings."""

    changes: list[RegisterChange]
    """What the register has to hold, also for listings that did not change."""
    listed: Mapping[str, int]
    """By authority, how many more of its own listings are in force than before."""
    excluded: int
    """Red listings newly excluded by a black one."""
    lifted: list[LiftedLock]


@dataclass(frozen=True, slots=True)
class ListingDiff:
    """The rows of some listings as stored and as the feed events say, by key.

    A computed row has the version of the stored one, or 0 where none is stored.
    """

    stored: Mapping[str, ListingRow]
    computed: Mapping[str, ListingRow]
    exclusions: Exclusions

    def changed(self) -> list[ListingRow]:
        """The computed rows that differ from the stored ones."""
        return [row for row in self.computed.values() if row != self.stored.get(row.key)]


@dataclass(frozen=True, slots=True)
class ListingStore:
    """Computes and writes listings within the caller's transaction."""

    listing_indexer: ListingIndexer
    working_days: WorkingDays
    chain: HashChain

    async def update(
        self, connection: AsyncConnection, keys: Collection[str], version: int, now: int, today: date
    ) -> ListingUpdate:
        """Write the rows of these listings and of all that they affect, with notices, lifted locks and events.

        ``version`` is the last number of ``feed_events``; ``now`` is in milliseconds.
        """
        diff = await self.compare(connection, keys, today)
        changed = {row.key: replace(row, version=version) for row in diff.changed()}
        await upsert(connection, listings, [asdict(row) for row in changed.values()])
        rows = {**diff.computed, **changed}
        await append_notices(connection, self.chain, diff.exclusions, diff.stored, rows, now)
        lifted = await apply_side_effects(connection, self.chain, diff.stored, rows, now)
        return ListingUpdate(
            changes=[register_change(row) for row in rows.values()],
            listed=_listed(diff.stored, rows),
            excluded=sum(key not in diff.stored or not diff.stored[key].struck for key in diff.exclusions),
            lifted=lifted,
        )

    async def compare(self, connection: AsyncConnection, keys: Collection[str], today: date) -> ListingDiff:
        """The stored and the computed rows of these listings, of those derived from them, and of their subjects.

        Subjects matter where a red listing or a decisive black one is involved. Writes nothing.
        """
        events = await _events(connection, keys)
        stored = await _rows(connection, or_(listings.c.key.in_(keys), listings.c.origin_key.in_(keys)))
        computed = {
            row.key: row for key in sorted(keys) for row in self._computed_rows(key, events.get(key, ()), today)
        }
        for key in stored.keys() - computed.keys():
            computed[key] = _removed(stored[key])
        subjects = subjects_to_compare([*stored.values(), *computed.values()])
        if subjects:
            stored |= await _rows(connection, listings.c.subject_key.in_(subjects) & listings.c.origin_key.is_(None))
        for key, row in stored.items():
            computed[key] = replace(computed.get(key, row), version=row.version)
        return ListingDiff(stored, *exclude_red(computed, subjects))

    def _computed_rows(self, key: str, events: Sequence[FeedRecord], today: date) -> Iterator[ListingRow]:
        """The rows that the events of one listing add up to, before red is compared with black."""
        life = life_of(events, self.working_days)
        state = life.state(today)
        indexed = self.listing_indexer.index(key, life)
        if not indexed:
            yield computed_row(key, events, life, state, None)
        for item in indexed:
            yield computed_row(item.listing.key, events, life, state, item)


def _removed(row: ListingRow) -> ListingRow:
    """A derived listing whose person is no longer named, or whose origin ended."""
    return replace(row, state=State.REMOVED.value, listing=None, struck=None)


def _listed(stored: Mapping[str, ListingRow], rows: Mapping[str, ListingRow]) -> dict[str, int]:
    more: defaultdict[str, int] = defaultdict(int)
    for key, row in rows.items():
        if row.origin_key is None:
            was_in_force = key in stored and stored[key].state == State.IN_FORCE
            more[row.authority] += (row.state == State.IN_FORCE) - was_in_force
    return more


async def _events(connection: AsyncConnection, keys: Collection[str]) -> dict[str, list[FeedRecord]]:
    """The records of each listing in the order in which they count."""
    query = (
        select(feed_events.c.listing_key, feed_events.c.record)
        .where(feed_events.c.listing_key.in_(keys), feed_events.c.ordering.is_not(None))
        .order_by(feed_events.c.listing_key, feed_events.c.ordering)
    )
    found: defaultdict[str, list[FeedRecord]] = defaultdict(list)
    for key, record in await connection.execute(query):
        found[key].append(feed_record_from_json(record))
    return found


async def _rows(connection: AsyncConnection, condition: ColumnElement[bool]) -> dict[str, ListingRow]:
    result = await connection.execute(select(listings).where(condition))
    return {row.key: row for row in (ListingRow(*values) for values in result)}
