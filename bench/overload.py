"""What becomes of the accepted requests when twice as much is asked as can be served.

    PYTHONPATH=. python -m bench.overload [--seconds 5] [--fast-lane 0]

Open loop on loopback: the rate that is borne is searched for, then half and twice of it are asked, by turns. About a
minute; whatever it starts ends with it. The gateway has core 0, the load and the rest core 1. Each check is of ten
parties, so that one core can ask twice of what the other can answer.
"""

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from bench.group import Group
from bench.load_register import load
from bench.processes import ENOUGH, OTHER_CORE, SERVER_CORE, Meter, pin
from bench.subjects import check, free
from bench.tools import ROOT
from bench.wrk import Target

_LISTINGS = 1000
_PARTIES, _CHECKS = 10, 2000
_FIRST, _HIGHEST = 500.0, 8_000.0
_STEP, _LAST_STEP = 1.5, 1.05
_LOOK = 2.0
"""Seconds at each rate of the search."""
_BORNE_P99 = 0.05
"""Seconds: what is borne is answered, and not late."""
_BORNE_SHARE = 0.99
_ROUNDS = 3
_WITHIN = 5.0
"""Times that the accepted may take longer at twice than at half."""


class Asked(NamedTuple):
    """One run by a schedule."""

    p50: float
    p99: float
    accepted: int
    refused: int
    lost: int
    late: float
    share: float

    @property
    def refused_share(self) -> float:
        """Of all that was asked."""
        return self.refused / max(1, self.accepted + self.refused + self.lost)

    def line(self) -> str:
        """For people."""
        marked = "" if self.share >= ENOUGH else f"  MARKED: only {self.share:.2f} of the cores was there"
        return (
            f"p50 {self.p50 * 1e3:8.2f} ms  p99 {self.p99 * 1e3:8.2f} ms  accepted {self.accepted:6d}  "
            f"refused {self.refused_share:5.1%}  lost {self.lost}  sent late {self.late:.1%}{marked}"
        )


def checks_of_many(path: Path) -> Path:
    """A file of checks of so many parties each, none of them listed."""
    with path.open("w") as file:
        for number in range(_CHECKS):
            asked = check(free(number), number)
            role = {"role": "applicant"}
            asked["subjects"] = [role | {"id": free(number * _PARTIES + place)} for place in range(_PARTIES)]
            file.write(f"POST\t/v1/checks\t{json.dumps(asked)}\n")
    return path


def ask(target: Target, rate: float, seconds: float) -> Asked:
    """Ask at that rate, whatever comes back."""
    command = ["taskset", "-c", str(OTHER_CORE), sys.executable, "-m", "bench.open_loop"]
    command += [target.url, str(target.requests), f"{rate:.1f}", str(seconds)]
    command += [f"{name}: {value}" for name, value in target.headers.items()]
    meter = Meter(target.pids, target.beside)
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT, timeout=seconds + 60)
    spent, said = meter.read(), json.loads(done.stdout)
    statuses: dict[str, int] = said["statuses"]
    accepted, refused = statuses.pop("200", 0), statuses.pop("503", 0)
    share = min(spent.share, spent.share_beside)
    return Asked(said["p50"], said["p99"], accepted, refused, sum(statuses.values()), said["late"], share)


def borne(target: Target) -> float:
    """The highest rate at which nearly all is answered, and not late: up by half, then nearer."""
    good, rate, step = 0.0, _FIRST, _STEP
    while step > _LAST_STEP and rate <= _HIGHEST:
        found = ask(target, rate, _LOOK)
        is_borne = found.p99 <= _BORNE_P99 and found.accepted >= _BORNE_SHARE * rate * _LOOK
        sys.stdout.write(f"  {rate:7.0f}/s {'borne' if is_borne else 'too much'}\n")
        good, step = (rate, step) if is_borne else (good, step**0.5)
        rate = max(good, _FIRST / 2) * step
    return good


def compare(target: Target, bears: float, seconds: float) -> None:
    """Half and twice by turns, and what their ratios are."""
    found: dict[str, list[Asked]] = {"half": [], "twice": []}
    for _ in range(_ROUNDS):
        for name, rate in (("half", bears / 2), ("twice", bears * 2)):
            found[name].append(ask(target, rate, seconds))
            sys.stdout.write(f"{name:6s}{rate:7.0f}/s  {found[name][-1].line()}\n")
    for cut in ("p50", "p99"):
        half, twice = (statistics.median(getattr(one, cut) for one in found[name]) for name in ("half", "twice"))
        verdict = "within" if twice <= _WITHIN * half else "NOT within"
        sys.stdout.write(f"{cut}: twice / half = {twice / half:.1f}, {verdict} {_WITHIN:.0f} times\n")
    refused = statistics.median(one.refused_share for one in found["twice"])
    sys.stdout.write(f"refused at twice: {refused:.0%}; of accepted requests, from when each was due\n")


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--fast-lane", choices=("0", "1"), default="1")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="creditgate-overload-") as directory:
        group = Group(Path(directory) / "group", _LISTINGS)
        try:
            group.start()
            asyncio.run(load(group.redis_url, group.pepper, _LISTINGS))
            gateway = group.gateway("overload", CREDITGATE_FAST_LANE=given.fast_lane, CREDITGATE_RATE_LIMIT="1000000")
            target = group.target(gateway, checks_of_many(Path(directory) / "checks"))
            pin(target.pids, SERVER_CORE)
            bears = borne(target)
            sys.stdout.write(f"borne: {bears:.0f}/s\n")
            compare(target, bears, given.seconds)
        finally:
            group.stop()


if __name__ == "__main__":
    main()
