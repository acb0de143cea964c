"""The servers and parts that can be measured, and the plan of a run."""

from dataclasses import dataclass

OURS = ("aiohttp", "lane", "intercept")
SERVERS = ("nginx", "bare", "crowdsec", *OURS)
PARTS = ("road", "batch", "openloop", "overload", "fresh", "workers", "listings")
ON_A_GROUP = {*OURS, *PARTS} - {"road", "fresh"}
"""Servers and parts that need a started CreditGate."""
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
"""Our server, the reference, and the aim: the ratio of the reference's CPU time to ours."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The servers, parts, rounds and times of a run."""

    only: frozenset[str]
    listings: tuple[int, ...]
    rounds: int
    seconds: int
    per_second: int
    again: int
    """How often a round with too little of the core is repeated."""
    quick: bool = False
