"""What was read lately under keys, for as long as no change of it is heard of.

The replica follows every change and tells them here, so what is remembered holds as surely as what the replica knows.
A read is remembered only if no change came to the replica while it was under way: whatever comes later is told.
"""

from collections.abc import Iterable, Mapping, Sequence

from rules.listings.listing import Listing

_MOST = 10_000
"""Keys: some tens of megabytes in each process."""


class ListingCache:
    """Listings by the key they are filed under; the longest unasked one gives way to a new one."""

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._found: dict[str, list[Listing]] = {}
        self._filed_under: dict[str, set[str]] = {}

    def under(self, keys: Sequence[str]) -> dict[str, list[Listing]] | None:
        """What is filed under these keys, if that is known of all of them."""
        found = {key: self._found[key] for key in keys if key in self._found}
        if len(found) < len(keys):
            return None
        for key, listings in found.items():
            del self._found[key]
            self._found[key] = listings  # the last to give way
        return found

    def keep(self, found: Mapping[str, list[Listing]]) -> None:
        """This was read, and nothing changed since."""
        for key, listings in found.items():
            self._drop(key)
            if len(self._found) >= self._most:
                self._drop(next(iter(self._found)))
            self._found[key] = listings
            for listing in listings:
                self._filed_under.setdefault(listing.key, set()).add(key)

    def forget(self, listing: str, keys: Iterable[str]) -> None:
        """That listing has changed, and is filed under these keys now."""
        for key in (*self._filed_under.get(listing, ()), *keys):
            self._drop(key)

    def __len__(self) -> int:
        return len(self._found)

    def _drop(self, key: str) -> None:
        for listing in self._found.pop(key, ()):
            filed = self._filed_under[listing.key]
            filed.discard(key)
            if not filed:
                del self._filed_under[listing.key]
