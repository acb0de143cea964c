"""The change of one listing."""

from typing import NamedTuple

from rules.listings.life import State
from rules.listings.listing import decode_listing
from store.ledger.listing_row import ListingRow

_COMPARED_COLUMNS = ("listing", "state", "struck", "subject_key")


class ListingChange(NamedTuple):
    """The row of a listing before and after; no row before when it is new."""

    before: ListingRow | None
    after: ListingRow

    @property
    def key(self) -> str:
        """Key of the listing."""
        return self.after.key

    @property
    def moved(self) -> bool:
        """Whether a correction took it off one subject and put it on another."""
        return self.before is not None and self.before.subject_key != self.after.subject_key

    @property
    def was_in_register(self) -> bool:
        """Whether the register held it before."""
        return self.before is not None and self.before.in_register

    def has_effects(self) -> bool:
        """Whether its entry in the register changes."""
        if not self.was_in_register and not self.after.in_register:
            return False
        before = self.before
        return before is None or any(getattr(before, name) != getattr(self.after, name) for name in _COMPARED_COLUMNS)

    def ends_support(self) -> bool:
        """Whether it supported locks and no longer supports the same ones."""
        if self.before is None or not self.before.supports_lock:
            return False
        return self.moved or not self.after.supports_lock

    def makes_answers_wrong(self) -> bool:
        """Whether answers that counted it were wrong: it was annulled or corrected (办法一 Art. 16)."""
        if self.before is None or not self.was_in_register:
            return False
        if self.after.state == State.ANNULLED:
            return True
        if not self.after.in_register:
            return False
        return self.moved or _facts(self.before) != _facts(self.after)


def _facts(row: ListingRow) -> tuple[object, ...]:
    """What an answer says of a listing."""
    assert row.listing is not None
    listing = decode_listing(row.listing)
    return (
        listing.list,
        listing.category,
        listing.severity,
        listing.determination,
        listing.checked,
        listing.document_no,
    )
