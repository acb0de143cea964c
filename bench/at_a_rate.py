"""Open loop at half of the rate that the gateway sustains, beside nginx at the same rate."""

import statistics
from collections.abc import Callable

from bench import by_schedule
from bench.by_schedule import Case
from bench.processes import SERVER_CORE, pin
from bench.report import Table
from bench.wrk import Target, load

MAX_ROUNDS = 3
"""Upper bound of the rounds, which are long."""
MIN_ROUND_S = 4
_NGINX, _HALF = "nginx at that rate", "half"


def open_loop(
    own: Target, nginx: Target | None, rate: float, rounds: int, seconds: int, again: int, drain: Callable[[], None]
) -> list[Table]:
    """``rate`` is the rate with 16 connections in this run, in requests a second; 0 measures it now."""
    pin(own.pids, SERVER_CORE)
    sustained = rate or statistics.median(load(own, seconds).rate for _ in range(MAX_ROUNDS))
    cases: list[Case] = [(_HALF, own, sustained / 2)]
    if nginx is not None:
        cases.insert(0, (_NGINX, nginx, sustained / 2))
    found = by_schedule.by_turns(cases, min(rounds, MAX_ROUNDS), max(MIN_ROUND_S, seconds), again, drain)
    table = by_schedule.table("Open loop: one check a request", found)
    table.notes.append(f"`half` is of {sustained:.0f} requests/s, the rate with 16 connections in this run.")
    if nginx is not None:
        table.notes.append(by_schedule.ratio(found, _HALF, _NGINX, "p50") + " (aim: 3).")
    table.notes += by_schedule.NOTES
    return [table]
