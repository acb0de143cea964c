"""Requests by a fixed schedule: a server that is late gets no fewer requests."""

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench.processes import MIN_CORE_SHARE, OTHER_CORE, SERVER_CORE, Meter, pin
from bench.report import Table
from bench.rounds import spread
from bench.tools import ROOT
from bench.wrk import Target

CUTS = ("p50", "p99", "p99.9")
HEADINGS = ("case", "asked/s", "accepted/s", "refused", "p50 ms", "p99 ms", "p99.9 ms", "sent late", "share", "rounds")
NOTES = (
    "Times are of accepted requests (200), from when each was due. p99 and p99.9 gate nothing: this machine cannot tell"
    " them.",
    "`sent late`: by over 5 ms through the generator's own fault, connections that are all busy aside.",
)
LOAD_TIMEOUT_S = 60
_ACCEPTED, _REFUSED = "200", "503"


@dataclass(frozen=True, slots=True)
class Scheduled:
    """One run by a schedule. Rates a second, times in seconds, shares between 0 and 1."""

    asked: float
    times: dict[str, float]
    statuses: dict[str, int]
    seconds: float
    late: float
    share: float

    @property
    def accepted(self) -> float:
        """Accepted requests a second."""
        return self.statuses.get(_ACCEPTED, 0) / self.seconds

    @property
    def refused(self) -> float:
        """The share of refused requests among all answers."""
        return self.statuses.get(_REFUSED, 0) / max(1, sum(self.statuses.values()))


def ask(target: Target, rate: float, seconds: float) -> Scheduled:
    """Load a server, alone on its core, at this rate. Raises ``RuntimeError`` when the generator fails."""
    pin(target.pids, SERVER_CORE)
    command = ["taskset", "-c", str(OTHER_CORE), sys.executable, "-m", "bench.open_loop"]
    command += [target.url, str(target.requests), f"{rate:.1f}", str(seconds)]
    command += [f"{name}: {value}" for name, value in target.headers.items()]
    meter = Meter(target.pids, target.beside)
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=ROOT, timeout=seconds + LOAD_TIMEOUT_S
    )
    if done.returncode:
        raise RuntimeError(done.stderr[-300:])
    spent, result = meter.read(), json.loads(done.stdout)
    times = {cut: result[cut] for cut in CUTS}
    return Scheduled(rate, times, result["statuses"], seconds, result["late"], min(spent.share, spent.share_beside))


Case = tuple[str, Target, float]
"""Its name, the server, and the requests a second."""


def by_turns(
    cases: Sequence[Case], rounds: int, seconds: float, again: int, drain: Callable[[], None]
) -> dict[str, list[Scheduled]]:
    """Run each case in each round; one with too little of a core is repeated ``again`` times, and the best run kept."""
    found: dict[str, list[Scheduled]] = {name: [] for name, _, _ in cases}
    for _ in range(rounds):
        for name, target, rate in cases:
            best = ask(target, rate, seconds)
            drain()
            for _ in range(again):
                if best.share >= MIN_CORE_SHARE:
                    break
                best = max(best, ask(target, rate, seconds), key=lambda one: one.share)
                drain()
            found[name].append(best)
    return found


def table(title: str, found: dict[str, list[Scheduled]]) -> Table:
    """A row for each case."""
    result = Table(title, HEADINGS)
    for name, rows in found.items():
        marked = sum(row.share < MIN_CORE_SHARE for row in rows)
        result.rows.append(
            (
                name,
                f"{rows[0].asked:.0f}",
                spread([row.accepted for row in rows], "{:.0f}"),
                spread([row.refused * 100 for row in rows], "{:.1f} %"),
                *(spread([row.times[cut] * 1e3 for row in rows], "{:.2f}") for cut in CUTS),
                spread([row.late * 100 for row in rows], "{:.1f} %"),
                spread([row.share for row in rows], "{:.2f}"),
                f"{len(rows)}" + (f", {marked} MARKED" if marked else ""),
            )
        )
    return result


def ratio(found: dict[str, list[Scheduled]], above: str, below: str, cut: str) -> str:
    """The ratio of the latencies of two cases within the same round, as text."""
    pairs = zip(found[above], found[below], strict=True)
    return f"{cut}, {above} to {below}: {spread([one.times[cut] / other.times[cut] for one, other in pairs], '{:.1f}')}"
