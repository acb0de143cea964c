"""A record as the agents get it: without Faust's types."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ConsumedRecord:
    """One message of a topic. ``timestamp`` is seconds since 1970; names in ``headers`` may repeat."""

    topic: str
    partition: int
    offset: int
    timestamp: float
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]
