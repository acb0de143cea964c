"""Approximate set of the keys under which the register holds a listing: eight bytes a key, no false negatives.

A key that is not in it has no listing. A key that is in it may have lost its listing since, or share its first
eight bytes with another key (one in 2**64): its listings are read from the register.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

_BUCKET_BITS = 16
"""Leading bits that select a bucket of the sorted keys, so that a binary search takes few steps."""
_BUCKET_SHIFT = 64 - _BUCKET_BITS


class KeyFilter:
    """A sorted array of the keys that were loaded, and a set of those added since."""

    def __init__(self, loaded: Sequence[npt.NDArray[np.uint64]] = ()) -> None:
        keys = np.unique(np.concatenate(loaded)) if loaded else np.empty(0, np.uint64)
        starts = np.arange(1 << _BUCKET_BITS, dtype=np.uint64) << np.uint64(_BUCKET_SHIFT)
        self._bucket_edges: list[int] = [*np.searchsorted(keys, starts).tolist(), len(keys)]
        self._keys = memoryview(keys)  # type: ignore[arg-type]  # numpy arrays are buffers
        self._added: set[int] = set()

    def may_contain(self, key: str) -> bool:
        """Whether that key (32 hexadecimal digits) may be in the set; False is certain."""
        number = int(key[:16], 16)
        if number in self._added:
            return True
        bucket = number >> _BUCKET_SHIFT
        low, high = self._bucket_edges[bucket], self._bucket_edges[bucket + 1]
        index = bisect_left(self._keys, number, low, high)
        return index < high and self._keys[index] == number

    def add(self, keys: Iterable[str]) -> None:
        """Add keys."""
        self._added.update(int(key[:16], 16) for key in keys)

    @property
    def added_count(self) -> int:
        """How many keys were added since the load."""
        return len(self._added)

    def __len__(self) -> int:
        return len(self._keys) + len(self._added)


def pack_keys(keys: Sequence[bytes], prefix_length: int) -> npt.NDArray[np.uint64]:
    """The first eight bytes of each hexadecimal key, which follows a prefix of that length."""
    digits = b"".join(key[prefix_length : prefix_length + 16] for key in keys)
    return np.frombuffer(bytes.fromhex(digits.decode()), dtype=">u8").astype(np.uint64)
