"""Open loop at half of what the gateway can bear, beside nginx at the same rate, and at twice that."""

import json
import statistics
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from bench.group import Group
from bench.processes import ENOUGH, OTHER_CORE, SERVER_CORE, Meter, pin
from bench.report import Table
from bench.rounds import spread
from bench.tools import ROOT
from bench.wrk import Target, load

_MOST = 3
"""Rounds."""
_SHORTEST = 4
_LONGEST = 120
_DRAIN = 20.0
_NGINX, _HALF, _TWICE = "nginx at that rate", "half", "twice"
_HEADINGS = ("case", "asked/s", "sent/s", "p50 ms", "p99 ms", "p99.9 ms", "sent late", "share", "rounds")


@dataclass(frozen=True, slots=True)
class Scheduled:
    """One run by a schedule."""

    times: dict[str, float]
    rate: float
    late: float
    statuses: dict[str, int]
    share: float


def open_loop(
    group: Group, own: Target, nginx: Target | None, rate: float, rounds: int, seconds: int, again: int
) -> list[Table]:
    """``rate`` is what 16 connections got from it in this run; measured now where it is 0."""
    pin(own.pids, SERVER_CORE)
    bears = rate or statistics.median(load(own, seconds).rate for _ in range(_MOST))
    cases = [(_HALF, own, bears / 2), (_TWICE, own, bears * 2)]
    if nginx is not None:
        cases.insert(0, (_NGINX, nginx, bears / 2))
    found: dict[str, list[Scheduled]] = {name: [] for name, _, _ in cases}
    for _ in range(min(rounds, _MOST)):
        for name, target, asked in cases:
            best = _run(target, asked, seconds)
            for _ in range(again):
                group.drain(_DRAIN)
                if best.share >= ENOUGH:
                    break
                best = max(best, _run(target, asked, seconds), key=lambda one: one.share)
            group.drain(_DRAIN)
            found[name].append(best)
    return [_table(found, {name: asked for name, _, asked in cases}, bears)]


def _run(target: Target, rate: float, seconds: int) -> Scheduled:
    pin(target.pids, SERVER_CORE)
    lasting = max(_SHORTEST, seconds)
    command = ["taskset", "-c", str(OTHER_CORE), sys.executable, "-m", "bench.open_loop"]
    command += [target.url, str(target.requests), f"{rate:.1f}", str(lasting)]
    command += [f"{name}: {value}" for name, value in target.headers.items()]
    meter = Meter(target.pids, target.beside)
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, timeout=lasting + _LONGEST)
    if done.returncode:
        raise RuntimeError(done.stderr[-300:])
    spent, said = meter.read(), json.loads(done.stdout)
    times = {cut: said[cut] for cut in ("p50", "p99", "p99.9")}
    share = min(spent.share, spent.share_beside)
    return Scheduled(times, said["rate"], said["late"], said["statuses"], share)


def _table(found: dict[str, list[Scheduled]], asked: dict[str, float], bears: float) -> Table:
    table = Table("Open loop: time from when a request was due", _HEADINGS)
    for name, rows in found.items():
        marked = sum(row.share < ENOUGH for row in rows)
        table.rows.append(
            (
                name,
                f"{asked[name]:.0f}",
                spread([row.rate for row in rows], "{:.0f}"),
                *(spread([row.times[cut] * 1e3 for row in rows], "{:.2f}") for cut in ("p50", "p99", "p99.9")),
                spread([row.late * 100 for row in rows], "{:.1f} %"),
                spread([row.share for row in rows], "{:.2f}"),
                f"{len(rows)}" + (f", {marked} MARKED" if marked else ""),
            )
        )
    table.notes.append(f"`half` and `twice` are of {bears:.0f} requests/s, which 16 connections got in this run.")
    for above, below in ((_HALF, _NGINX), (_TWICE, _HALF)):
        if below in found:
            ratios = _ratios(found[above], found[below])
            table.notes.append(
                f"p50 of accepted requests, {above} to {below}: {spread(ratios, '{:.2f}')} (within the round)."
            )
    table.notes += [f"answers, {name}: {_answers(rows)}" for name, rows in found.items()]
    table.notes.append(
        "Times are of accepted requests (200). p99 and p99.9 gate nothing: this machine cannot tell them."
    )
    table.notes.append(
        "`sent late`: by over 5 ms through the generator's own fault, connections that are all busy aside."
    )
    return table


def _ratios(above: Sequence[Scheduled], below: Sequence[Scheduled]) -> list[float]:
    return [one.times["p50"] / other.times["p50"] for one, other in zip(above, below, strict=True)]


def _answers(rows: Sequence[Scheduled]) -> str:
    return "; ".join(", ".join(f"{status}: {count}" for status, count in sorted(row.statuses.items())) for row in rows)
