"""One row of ``listings``, and what the register holds for it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from msgspec import Struct

from rules.admission.feed_event import content_digest
from rules.listings.indexer import IndexedListing
from rules.listings.life import Life, State
from rules.listings.listing import decode_listing, encode_listing
from rules.policy.decision import may_lock
from rules.records.feed_record import FeedRecord


class ListingRow(Struct, frozen=True):
    """What the feed events of one listing add up to. The fields are the columns of ``listings``, in their order."""

    key: str
    version: int
    """The number of the last feed event when the row was written: of two states the later one has the higher."""
    authority: str
    record_no: str | None
    origin_key: str | None
    """On a responsible person: the organisation's listing that this one follows from (办法二 Art. 26)."""
    subject_key: str | None
    name_key: str | None
    colour: str | None
    first_day: date | None
    last_day: date | None
    decisive: bool
    """Whether it excludes its subject from the red lists (办法一 Art. 4)."""
    state: str
    struck: str | None
    """On a red listing: the black listing that excludes it."""
    provisional: bool
    """Whether its last day depends on a year of working days that is not published yet."""
    objections: int
    content: str | None
    listing: bytes | None

    @property
    def in_register(self) -> bool:
        """Whether the register holds the listing."""
        return self.listing is not None and self.state == State.IN_FORCE and self.struck is None

    @property
    def supports_lock(self) -> bool:
        """Whether a lock may rest on the listing."""
        return self.listing is not None and self.in_register and may_lock(decode_listing(self.listing))

    @property
    def change_cause(self) -> str:
        """Why the row changed, for events: its end state, ``struck`` (excluded by a black listing) or ``corrected``."""
        if self.state != State.IN_FORCE:
            return str(self.state)
        return "struck" if self.struck is not None else "corrected"


@dataclass(frozen=True, slots=True)
class RegisterChange:
    """What the register has to hold for one listing at one version; without ``places`` it removes the listing."""

    version: int
    key: str
    listing: bytes = b""
    places: tuple[str, ...] = ()
    """The keys of the register under which the listing is found: of the subject's number and of its name."""


def register_change(row: ListingRow) -> RegisterChange:
    """What the register has to hold for a row."""
    if row.listing is None or not row.in_register:
        return RegisterChange(row.version, row.key)
    places = tuple(place for place in (row.subject_key, row.name_key) if place)
    return RegisterChange(row.version, row.key, row.listing, places)


def computed_row(
    key: str, events: Sequence[FeedRecord], life: Life, state: State, indexed: IndexedListing | None
) -> ListingRow:
    """The row of a listing whose events add up to ``life``; not stored yet (version 0), exclusion not decided."""
    listing = indexed.listing if indexed else None
    derived = listing is not None and listing.origin is not None
    return ListingRow(
        key=key,
        version=0,
        authority=events[0].authority,
        record_no=None if derived else events[0].record_no,
        origin_key=listing.origin if listing else None,
        subject_key=indexed.subject_key if indexed else None,
        name_key=indexed.name_key if indexed else None,
        colour=listing.list.value if listing else None,
        first_day=listing.determined_on if listing else None,
        last_day=listing.valid_until if listing else None,
        decisive=indexed.excludes_red if indexed else False,
        state=state.value,
        struck=None,
        provisional=life.provisional,
        objections=len(life.objections),
        content=content_digest(life.record) if life.record and not derived else None,
        listing=encode_listing(listing) if listing else None,
    )
