"""What a comparison of ledger and register comes to."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256

from store.ledger.listing_row import RegisterChange

MOST_NAMED = 100
_MODULUS = 2**256


class Difference(StrEnum):
    """What is wrong with one listing."""

    ROW_DIFFERS = "row_differs_from_events"
    ROW_UNSPOKEN = "row_without_events"
    MISSING = "missing_in_register"
    DIFFERS = "differs_in_register"
    EXTRA = "extra_in_register"


@dataclass(frozen=True, slots=True)
class Shown:
    """What the register shows of a listing, or should: nothing, or the listing and where it is filed."""

    listing: bytes = b""
    places: tuple[str, ...] = ()

    @classmethod
    def of(cls, change: RegisterChange) -> "Shown":
        """What a row wants shown."""
        return cls(change.listing, change.places) if change.places else cls()

    def digest(self, key: str) -> int:
        """The part that this listing has in a sum over all; 0 when nothing is shown."""
        if not self.places:
            return 0
        return int.from_bytes(sha256(b"\n".join((key.encode(), *map(str.encode, self.places), self.listing))).digest())


@dataclass(slots=True)
class Side:
    """Count and digest of one side. The digest is a sum: the order in which listings are read does not matter."""

    count: int = 0
    total: int = 0

    def add(self, key: str, shown: Shown) -> None:
        """Count a listing in."""
        self.count += bool(shown.places)
        self.total = (self.total + shown.digest(key)) % _MODULUS

    @property
    def digest(self) -> str:
        """The digest in hexadecimal."""
        return f"{self.total:064x}"


@dataclass(slots=True)
class Comparison:
    """The outcome. ``named`` holds at most 100 listing keys of each kind; ``counts`` counts all."""

    listings: int = 0
    ledger: Side = field(default_factory=Side)
    register: Side = field(default_factory=Side)
    counts: dict[str, int] = field(default_factory=dict)
    named: dict[str, list[str]] = field(default_factory=dict)

    @property
    def clean(self) -> bool:
        """Whether everything agrees."""
        return not self.counts and self.ledger.digest == self.register.digest

    def name(self, kind: Difference, keys: Iterable[str]) -> None:
        """Take differences in."""
        for key in keys:
            self.counts[kind.value] = self.counts.get(kind.value, 0) + 1
            named = self.named.setdefault(kind.value, [])
            if len(named) < MOST_NAMED:
                named.append(key)


def judge(wanted: Shown, found: Shown) -> Difference | None:
    """How what the register shows differs from what it should show."""
    if wanted == found:
        return None
    if not found.places:
        return Difference.MISSING
    return Difference.DIFFERS if wanted.places else Difference.EXTRA
