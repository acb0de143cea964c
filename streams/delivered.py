"""A record as the broker delivered it: what the agents see of Faust."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Delivered:
    """One message. ``timestamp`` is seconds since 1970; names in ``headers`` may repeat."""

    topic: str
    partition: int
    offset: int
    timestamp: float
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]
