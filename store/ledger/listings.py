"""What the feed events come to: one row per listing, and what the register must show of it.

The rows can be made anew from the events at any time; nothing else may write them. All of it happens in
the transaction that wrote the events, one writer at a time, so a row's ``version`` (the ledger's last
number then) only grows, and the register can tell an older state from a newer one.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from rules.admission.feed_event import content_digest
from rules.listings.indexer import IndexedListing, ListingIndexer
from rules.listings.life import Life, State, life_of
from rules.listings.listing import encode_listing
from rules.listings.red_against_black import Exclusion, ListingPeriod, excluded_red_listings
from rules.records.feed_record import FeedRecord, feed_record_from_json
from rules.vocabulary import ListColour
from rules.working_days import WorkingDays
from store.db.hash_chain import HashChain
from store.db.schema import feed_events, listings, notices
from store.ledger.side_effects import follow, shown


@dataclass(frozen=True, slots=True)
class RegisterChange:
    """What the register shall hold of one listing as of one version; no listing when it is to be taken off."""

    version: int
    key: str
    listing: bytes = b""
    places: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Settlement:
    """What settling some listings came to."""

    changes: list[RegisterChange]
    listed: Mapping[str, int]
    """By authority, how many more of its own listings are in force than before."""
    struck: int
    """Red listings that were newly struck or held."""
    lifted: list[tuple[str, str]]
    """Locks that fell, by target key and id."""


@dataclass(frozen=True, slots=True)
class Reckoning:
    """The rows of some listings as they are written, and as the events say."""

    before: Mapping[str, dict[str, Any]]
    after: Mapping[str, dict[str, Any]]
    strikes: Mapping[str, tuple[Exclusion, str]]

    def differing(self) -> list[dict[str, Any]]:
        """The rows that are not written as they should be, as they should be."""
        return [row for row in self.after.values() if _differs(row, self.before.get(row["key"]))]


@dataclass(frozen=True, slots=True)
class ListingStore:
    """Settles listings within the caller's transaction."""

    listing_indexer: ListingIndexer
    working_days: WorkingDays
    chain: HashChain

    async def settle(
        self, connection: AsyncConnection, keys: Collection[str], version: int, now: int, today: date
    ) -> Settlement:
        """Make the rows of these listings, of what follows from them, and of red listings they strike."""
        reckoned = await self.reckon(connection, keys, today)
        before, after, strikes = reckoned.before, reckoned.after, reckoned.strikes
        changed = [row | {"version": version} for row in reckoned.differing()]
        await _write(connection, changed)
        await self._notify(connection, strikes, before, after, now)
        standing = {key: row["version"] for key, row in before.items()} | {row["key"]: version for row in changed}
        changes = [register_change(row, standing[key]) for key, row in after.items()]
        new = sum(not before.get(key, {}).get("struck") for key in strikes)
        lifted = (await follow(connection, self.chain, before, after, now)).lifted
        return Settlement(changes, _listed(before, after), new, lifted)

    async def reckon(self, connection: AsyncConnection, keys: Collection[str], today: date) -> "Reckoning":
        """What the rows of these listings, and of all that they touch, are and should be. Writes nothing."""
        events = await _events(connection, keys)
        before = await _rows(connection, or_(listings.c.key.in_(keys), listings.c.origin_key.in_(keys)))
        after: dict[str, dict[str, Any]] = {}
        for key in sorted(keys):
            for row in self.rows(key, events.get(key, ()), today):
                after[row["key"]] = row
        for key in before.keys() - after.keys():
            after[key] = _fallen(before[key])
        subjects = _subjects_in_question([*before.values(), *after.values()])
        beside = listings.c.subject_key.in_(subjects) & listings.c.origin_key.is_(None)
        others = await _rows(connection, beside) if subjects else {}
        before |= others
        for key, row in others.items():
            after.setdefault(key, dict(row))
        return Reckoning(before, after, _strike(after.values(), subjects))

    def rows(self, key: str, events: Sequence[FeedRecord], today: date) -> list[dict[str, Any]]:
        """The rows that the events of one listing come to, red against black left aside."""
        life = life_of(events, self.working_days)
        filed = self.listing_indexer.index(key, life)
        state = life.state(today)
        if not filed:
            return [_row(key, events, life, state, None)]
        return [_row(item.listing.key, events, life, state, item) for item in filed]

    async def _notify(
        self,
        connection: AsyncConnection,
        strikes: Mapping[str, tuple[Exclusion, str]],
        before: Mapping[str, Mapping[str, Any]],
        after: Mapping[str, Mapping[str, Any]],
        now: int,
    ) -> None:
        """Tell the red list's authority, once for each pair of listings (办法一 Art. 4)."""
        rows = [
            {
                "created_at": now,
                "authority": after[key]["authority"],
                "kind": kind.value,
                "listing_key": key,
                "cause_key": cause,
            }
            for key, (kind, cause) in strikes.items()
            if before.get(key, {}).get("struck") != cause
        ]
        if not rows:
            return
        query = select(notices.c.kind, notices.c.listing_key, notices.c.cause_key)
        query = query.where(notices.c.listing_key.in_([row["listing_key"] for row in rows]))
        known = {tuple(row) for row in await connection.execute(query)}
        fresh = [row for row in rows if (row["kind"], row["listing_key"], row["cause_key"]) not in known]
        await self.chain.append(connection, notices, fresh)


def register_change(row: Mapping[str, Any], version: int) -> RegisterChange:
    """What the register shall hold for a row."""
    if not shown(row):
        return RegisterChange(version, row["key"])
    places = tuple(place for place in (row["subject_key"], row["name_key"]) if place)
    return RegisterChange(version, row["key"], row["listing"], places)


def _row(
    key: str, events: Sequence[FeedRecord], life: Life, state: State, filed: IndexedListing | None
) -> dict[str, Any]:
    listing = filed.listing if filed else None
    derived = listing is not None and listing.origin is not None
    return {
        "key": key,
        "authority": events[0].authority,
        "record_no": None if derived else events[0].record_no,
        "origin_key": listing.origin if listing else None,
        "subject_key": filed.subject_key if filed else None,
        "name_key": filed.name_key if filed else None,
        "colour": listing.list.value if listing else None,
        "first_day": listing.determined_on if listing else None,
        "last_day": listing.valid_until if listing else None,
        "decisive": filed.excludes_red if filed else False,
        "state": state.value,
        "struck": None,
        "provisional": life.provisional,
        "objections": len(life.objections),
        "content": content_digest(life.record) if life.record and not derived else None,
        "listing": encode_listing(listing) if listing else None,
    }


def _fallen(row: Mapping[str, Any]) -> dict[str, Any]:
    """What a listing once put on a person who is no longer named, or whose origin fell."""
    return dict(row) | {"state": State.REMOVED.value, "listing": None, "struck": None}


def _subjects_in_question(rows: Iterable[Mapping[str, Any]]) -> set[str]:
    return {
        row["subject_key"]
        for row in rows
        if row["subject_key"] and row["origin_key"] is None and (row["decisive"] or row["colour"] == ListColour.RED)
    }


def _strike(rows: Iterable[dict[str, Any]], subjects: Collection[str]) -> dict[str, tuple[Exclusion, str]]:
    """Mark the red listings that may not stand beside a black one; what was marked."""
    by_subject: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        if row["subject_key"] in subjects and row["listing"] is not None and row["origin_key"] is None:
            by_subject[row["subject_key"]].append(row)
    strikes: dict[str, tuple[Exclusion, str]] = {}
    for siblings in by_subject.values():
        spans = [
            ListingPeriod(row["key"], ListColour(row["colour"]), row["first_day"], row["last_day"], row["decisive"])
            for row in siblings
        ]
        found = excluded_red_listings(spans)
        for row in siblings:
            row["struck"] = found[row["key"]][1] if row["key"] in found else None
        strikes |= found
    return strikes


def _differs(row: Mapping[str, Any], standing: Mapping[str, Any] | None) -> bool:
    return standing is None or any(row[name] != standing[name] for name in row if name != "version")


def _listed(before: Mapping[str, Mapping[str, Any]], after: Mapping[str, Mapping[str, Any]]) -> dict[str, int]:
    more: defaultdict[str, int] = defaultdict(int)
    for key, row in after.items():
        if row["origin_key"] is None:
            stood = key in before and before[key]["state"] == State.IN_FORCE
            more[row["authority"]] += (row["state"] == State.IN_FORCE) - stood
    return more


async def _events(connection: AsyncConnection, keys: Collection[str]) -> dict[str, list[FeedRecord]]:
    query = (
        select(feed_events.c.listing_key, feed_events.c.record)
        .where(feed_events.c.listing_key.in_(keys), feed_events.c.ordering.is_not(None))
        .order_by(feed_events.c.listing_key, feed_events.c.ordering)
    )
    found: defaultdict[str, list[FeedRecord]] = defaultdict(list)
    for key, record in await connection.execute(query):
        found[key].append(feed_record_from_json(record))
    return found


async def _rows(connection: AsyncConnection, condition: Any) -> dict[str, dict[str, Any]]:  # noqa: ANN401
    result = await connection.execute(select(listings).where(condition))
    return {row["key"]: dict(row) for row in result.mappings()}


async def _write(connection: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> None:
    if not rows:
        return
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(listings)
    fresh = {name: statement.excluded[name] for name in rows[0] if name != "key"}
    await connection.execute(statement.on_conflict_do_update(index_elements=["key"], set_=fresh), list(rows))
