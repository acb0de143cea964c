"""Which keys the register may hold something under: eight bytes a key, and never a key too few.

A key that is not in it is under nothing. A key that is in it may have been taken off since, or be another that
begins alike (one in 2**64): whoever meets one asks the register itself.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

_BUCKETS = 16
"""Leading bits by which the sorted keys are cut into buckets, so that a search is a few steps long."""
_SHIFT = 64 - _BUCKETS


class KeyFilter:
    """A sorted array of the keys that were there at the load, and a set of those that came since."""

    def __init__(self, loaded: Sequence[npt.NDArray[np.uint64]] = ()) -> None:
        together = np.unique(np.concatenate(loaded)) if loaded else np.empty(0, np.uint64)
        edges = np.searchsorted(together, np.arange(1 << _BUCKETS, dtype=np.uint64) << np.uint64(_SHIFT))
        self._edges: list[int] = [*edges.tolist(), len(together)]
        self._keys = memoryview(together)  # type: ignore[arg-type]  # numpy arrays are buffers
        self._since: set[int] = set()

    def may_hold(self, key: str) -> bool:
        """Whether the register may hold something under that key (32 hexadecimal digits)."""
        number = int(key[:16], 16)
        if number in self._since:
            return True
        bucket = number >> _SHIFT
        low, high = self._edges[bucket], self._edges[bucket + 1]
        place = bisect_left(self._keys, number, low, high)
        return place < high and self._keys[place] == number

    def add(self, keys: Iterable[str]) -> None:
        """Keys under which the register holds something from now on."""
        self._since.update(int(key[:16], 16) for key in keys)

    @property
    def since(self) -> int:
        """How many keys came since the load."""
        return len(self._since)

    def __len__(self) -> int:
        return len(self._keys) + len(self._since)


def packed(keys: Sequence[bytes], prefix: int) -> npt.NDArray[np.uint64]:
    """The first eight bytes of hexadecimal keys that stand behind a prefix of that length."""
    digits = b"".join(key[prefix : prefix + 16] for key in keys)
    return np.frombuffer(bytes.fromhex(digits.decode()), dtype=">u8").astype(np.uint64)
