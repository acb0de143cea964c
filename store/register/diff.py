"""The result of comparing the ledger with the register."""

from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256

from store.ledger.listing_row import RegisterChange

MAX_EXAMPLES = 100
_DIGEST_MODULUS = 2**256


class Difference(StrEnum):
    """What is wrong with one listing."""

    ROW_DIFFERS = "row_differs_from_events"
    ROW_WITHOUT_EVENTS = "row_without_events"
    MISSING = "missing_in_register"
    DIFFERS = "differs_in_register"
    EXTRA = "extra_in_register"


@dataclass(frozen=True, slots=True)
class RegisterEntry:
    """A listing as JSON and the keys it is filed under; empty when the register holds none of it."""

    listing: bytes = b""
    places: tuple[str, ...] = ()

    @classmethod
    def from_change(cls, change: RegisterChange) -> "RegisterEntry":
        """The entry that the register must hold after that change."""
        return cls(change.listing, change.places) if change.places else cls()

    def digest(self, key: str) -> int:
        """Its addend in the digest of a side; 0 for an empty entry."""
        if not self.places:
            return 0
        return int.from_bytes(sha256(b"\n".join((key.encode(), *map(str.encode, self.places), self.listing))).digest())


@dataclass(slots=True)
class SideTotals:
    """Count and digest of one side. The digest is a sum, so the order of reading does not matter."""

    count: int = 0
    digest_sum: int = 0

    def add(self, key: str, entry: RegisterEntry) -> None:
        """Add a listing."""
        self.count += bool(entry.places)
        self.digest_sum = (self.digest_sum + entry.digest(key)) % _DIGEST_MODULUS

    @property
    def digest(self) -> str:
        """The digest in hexadecimal."""
        return f"{self.digest_sum:064x}"


@dataclass(slots=True)
class RegisterDiff:
    """The result. ``counts`` counts all differences of a kind, ``examples`` has the first 100 listing keys."""

    listings: int = 0
    ledger: SideTotals = field(default_factory=SideTotals)
    register: SideTotals = field(default_factory=SideTotals)
    counts: dict[Difference, int] = field(default_factory=dict)
    examples: dict[Difference, list[str]] = field(default_factory=dict)

    @property
    def clean(self) -> bool:
        """Whether ledger and register agree."""
        return not self.counts and self.ledger.digest == self.register.digest

    def add(self, kind: Difference, key: str) -> None:
        """Add a difference of one listing."""
        self.counts[kind] = self.counts.get(kind, 0) + 1
        examples = self.examples.setdefault(kind, [])
        if len(examples) < MAX_EXAMPLES:
            examples.append(key)


def difference_between(expected: RegisterEntry, found: RegisterEntry) -> Difference | None:
    """How the register's entry of a listing differs from the expected one; None: not at all."""
    if expected == found:
        return None
    if not found.places:
        return Difference.MISSING
    return Difference.DIFFERS if expected.places else Difference.EXTRA
