"""Which servers and parts there are, and what a run takes of them."""

from dataclasses import dataclass

OURS = ("aiohttp", "lane", "intercept")
SERVERS = ("nginx", "bare", "crowdsec", *OURS)
PARTS = ("road", "batch", "openloop", "overload", "fresh", "workers", "listings")
ON_A_GROUP = {*OURS, *PARTS} - {"road", "fresh"}
"""Those that need a started CreditGate."""
PAIRS = (
    ("aiohttp", "bare", "0.71"),
    ("lane", "bare", "2"),
    ("lane", "aiohttp", ""),
    ("aiohttp", "crowdsec", ""),
    ("lane", "crowdsec", "10"),
    ("lane", "nginx", "0.33"),
    ("intercept", "lane", ""),
    ("bare", "crowdsec", ""),
)
"""Ours, what it is compared with, and what is aimed at: theirs to ours by CPU time."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run does."""

    only: frozenset[str]
    listings: tuple[int, ...]
    rounds: int
    seconds: int
    per_second: int
    again: int
    """Times that a round is run again that had too little of the core."""
    quick: bool = False
