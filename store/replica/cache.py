"""Cache of listings by the key they are filed under, invalidated by the change log.

The replica passes every change to the cache, so a cached listing is as current as the replica itself. A read is
cached only if the replica received no change while it was under way.
"""

from collections.abc import Iterable, Mapping, Sequence

from rules.listings.listing import Listing

_MAX_KEYS = 10_000
"""Some tens of megabytes in each process."""


class ListingCache:
    """Listings by subject or name key; the least recently used key is evicted."""

    def __init__(self, max_keys: int = _MAX_KEYS) -> None:
        self._max_keys = max_keys
        self._listings: dict[str, list[Listing]] = {}
        self._keys_by_listing: dict[str, set[str]] = {}

    def get(self, keys: Sequence[str]) -> dict[str, list[Listing]] | None:
        """The listings under these keys; None unless all of them are cached."""
        found = {key: self._listings[key] for key in keys if key in self._listings}
        if len(found) < len(keys):
            return None
        for key, listings in found.items():
            del self._listings[key]
            self._listings[key] = listings  # now the most recently used
        return found

    def put(self, found: Mapping[str, list[Listing]]) -> None:
        """Cache listings that were just read."""
        for key, listings in found.items():
            self._drop(key)
            if len(self._listings) >= self._max_keys:
                self._drop(next(iter(self._listings)))
            self._listings[key] = listings
            for listing in listings:
                self._keys_by_listing.setdefault(listing.key, set()).add(key)

    def invalidate(self, listing_key: str, keys: Iterable[str]) -> None:
        """Drop every key under which a changed listing is cached, and those it is filed under now."""
        for key in (*self._keys_by_listing.get(listing_key, ()), *keys):
            self._drop(key)

    def __len__(self) -> int:
        return len(self._listings)

    def _drop(self, key: str) -> None:
        for listing in self._listings.pop(key, ()):
            filed_under = self._keys_by_listing[listing.key]
            filed_under.discard(key)
            if not filed_under:
                del self._keys_by_listing[listing.key]
