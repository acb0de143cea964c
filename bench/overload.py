"""The latency of accepted requests at twice the rate that can be served.

Each check has ten parties, so that one core can send twice what the other can answer.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path

from bench import by_schedule
from bench.by_schedule import ask
from bench.report import Table
from bench.subjects import check, free
from bench.wrk import Target

PARTIES_PER_CHECK, CHECKS = 10, 2000
FIRST_RATE, MAX_RATE = 500.0, 20_000.0
RATE_STEP, LAST_RATE_STEP = 1.5, 1.05
TRIAL_S = 2.0
"""Seconds at each rate of the search."""
_BORNE_P99 = 0.05
"""Seconds; the 99th percentile up to which a rate counts as sustained."""
MIN_ACCEPTED_SHARE = 0.99
MAX_ROUNDS = 3
"""Upper bound of the rounds, which are long."""
MIN_ROUND_S = 4
_HALF, _TWICE = "half", "twice"


def checks_of_many(path: Path) -> Path:
    """Write a file of checks of ``PARTIES_PER_CHECK`` parties each, none of them listed."""
    with path.open("w") as file:
        for number in range(CHECKS):
            payload = check(free(number), number)
            role = {"role": "applicant"}
            payload["subjects"] = [
                role | {"id": free(number * PARTIES_PER_CHECK + place)} for place in range(PARTIES_PER_CHECK)
            ]
            file.write(f"POST\t/v1/checks\t{json.dumps(payload)}\n")
    return path


def borne(target: Target) -> float:
    """The highest rate at which nearly all is answered, and in time: up by half, then in smaller steps."""
    good, rate, step = 0.0, FIRST_RATE, RATE_STEP
    while step > LAST_RATE_STEP and rate <= MAX_RATE:
        found = ask(target, rate, TRIAL_S)
        is_borne = found.times["p99"] <= _BORNE_P99 and found.accepted >= MIN_ACCEPTED_SHARE * rate
        sys.stderr.write(f"  {rate:7.0f}/s {'borne' if is_borne else 'too much'}\n")
        good, step = (rate, step) if is_borne else (good, step**0.5)
        rate = max(good, FIRST_RATE / 2) * step
    return good


def overload(target: Target, rounds: int, seconds: int, again: int, drain: Callable[[], None]) -> list[Table]:
    """Load ``target`` at half and at twice the rate that it sustains, in turn; its checks have many parties."""
    bears = borne(target)
    cases = [(_HALF, target, bears / 2), (_TWICE, target, bears * 2)]
    found = by_schedule.by_turns(cases, min(rounds, MAX_ROUNDS), max(MIN_ROUND_S, seconds), again, drain)
    table = by_schedule.table(f"Overload: checks of {PARTIES_PER_CHECK} parties", found)
    table.notes.append(f"It sustains {bears:.0f} requests/s: 99 % of them answered, and 99 % of those within 50 ms.")
    table.notes.append(by_schedule.ratio(found, _TWICE, _HALF, "p50") + " (aim: 5).")
    table.notes.append(by_schedule.ratio(found, _TWICE, _HALF, "p99") + ".")
    table.notes += by_schedule.NOTES
    return [table]
