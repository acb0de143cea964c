"""The register's metadata hash and the end of its change log, as both readers of the register parse them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from store.register import keys as register_keys

FIELDS = ("epoch", "generation", "listings", "applied", "beat")


@dataclass(frozen=True, slots=True)
class RegisterMetadata:
    """The metadata of a loaded register at the moment of the read."""

    epoch: str
    """Changes when the register was lost and loaded again."""
    generation: str
    listings: int
    applied: int
    """Changes applied in this epoch; 0: nothing was ever fed."""
    age_ms: int | None
    """Milliseconds since the last worker heartbeat by the clock of Redis; None: there was none."""


def parse_metadata(values: Sequence[bytes | None], clock: tuple[int, int]) -> RegisterMetadata | None:
    """The answers of HMGET ``FIELDS`` and TIME; None: the register is not loaded."""
    epoch, generation, listings, applied, beat = values
    if epoch is None:
        return None
    seconds, micros = clock
    age_ms = None if beat is None else max(0, seconds * 1000 + micros // 1000 - int(beat))
    in_force = generation.decode() if generation else register_keys.FIRST_GENERATION
    return RegisterMetadata(epoch.decode(), in_force, int(listings or 0), int(applied or 0), age_ms)


def last_sequence(answer: Sequence[Any]) -> int:
    """The sequence of the last change, from XREVRANGE of the change log with COUNT 1; 0: the log is empty."""
    return int(answer[0][0].split(b"-")[1]) if answer else 0
