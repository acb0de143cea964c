"""The cost of one check on each server: ``PYTHONPATH=. python -m bench.road_cost [--rounds 8] [--listings 2000]``.

Three servers take turns in short rounds of the same run: bare aiohttp (``bare_server``), the gateway without its fast
lane, and the gateway as ``creditgate up`` serves it. 95 % of the checks ask for subjects without a listing. Each round
measures the CPU time of the server's process, and its user-mode instructions where ``perf`` can count them, which no
other load on the machine changes. The ratios of one round mean more than the microseconds.
"""

import argparse
import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import load_register, subjects, tools
from bench.group import ProcessGroup
from bench.processes import OTHER_CORE, SERVER_CORE, pin, thread_nanoseconds, user_seconds
from bench.references import Reference
from bench.report import Table
from bench.rounds import spread
from bench.wrk import Target, send

CONNECTIONS = 16
ROUNDS = 8
ROUND_S = 1
DRAIN_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True)
class RoadCost:
    """What one request cost in one round."""

    cpu_us: float
    user_us: float
    instructions: float | None


class InstructionCount:
    """User-mode instructions of processes between two moments; None where the machine cannot count them."""

    def __init__(self, pids: Sequence[int]) -> None:
        command = ["perf", "stat", "-x,", "-e", "instructions:u", "-p", ",".join(map(str, pids))]
        self._perf = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        time.sleep(0.2)  # perf does not report when it has attached

    def read(self) -> float | None:
        """End the count."""
        self._perf.send_signal(signal.SIGINT)
        fields = self._perf.communicate(timeout=10)[1].strip().split(",")
        return float(fields[0]) if fields[0].isdigit() else None


def counts_instructions() -> bool:
    """Whether this machine counts instructions: a virtual one often cannot."""
    if tools.find("perf") is None:
        return False
    command = ["perf", "stat", "-x,", "-e", "instructions:u", "true"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    return found.stderr.split(",")[0].isdigit()


def measure(target: Target, seconds: int, *, with_instructions: bool) -> RoadCost:
    """One round. Raises ``LoadFailedError``."""
    count = InstructionCount(target.pids) if with_instructions else None
    cpu_ns, user_s = thread_nanoseconds(target.pids), user_seconds(target.pids)
    requests, _, _ = send(target, seconds, CONNECTIONS)
    time.sleep(0.1)  # for work after the answers
    cpu_ns, user_s = thread_nanoseconds(target.pids) - cpu_ns, user_seconds(target.pids) - user_s
    instructions = count.read() if count else None
    return RoadCost(cpu_ns / requests / 1e3, user_s / requests * 1e6, instructions and instructions / requests)


def run(directory: Path, listings: int, rounds: int, seconds: int) -> Table:
    """Start the servers, load them in turn, and end them."""
    group = ProcessGroup(directory / "road-cost", listings)
    bare = Reference("bare", directory / "road-cost", 0)
    try:
        group.start()
        asyncio.run(load_register.load(group.redis_url, group.pepper, listings))
        group.until_ready(group.main)
        bare.size = group.answer_size()
        requests = subjects.write_checks(group.directory / "checks", subjects.mix(listings))
        without_lane = group.gateway("aiohttp", CREDITGATE_FAST_LANE="0")
        ours = [group.target(without_lane, requests), group.target(group.main, requests)]
        return report(interleaved([bare.start().target(requests), *ours], group, rounds, seconds))
    finally:
        bare.stop()
        group.stop()


def interleaved(targets: Sequence[Target], group: ProcessGroup, rounds: int, seconds: int) -> dict[str, list[RoadCost]]:
    """Rounds by server. Only the server under load is on the server's core."""
    with_instructions = counts_instructions()
    costs: dict[str, list[RoadCost]] = {target.name: [] for target in targets}
    for number in range(-1, rounds):  # the first one warms up
        for target in targets:
            pin([pid for other in targets for pid in other.pids], OTHER_CORE)
            pin(target.pids, SERVER_CORE)
            cost = measure(target, seconds, with_instructions=with_instructions)
            if number >= 0:
                costs[target.name].append(cost)
            if target.beside:
                group.drain(DRAIN_TIMEOUT_S)
    return costs


def report(costs: dict[str, list[RoadCost]]) -> Table:
    """A row for each server."""
    headings = ("server", "CPU µs/request", "user µs/request", "CPU to bare", "user to bare", "least to least")
    table, base = Table("One check on each road", (*headings, "instructions/request")), costs["bare"]
    for name, rounds in costs.items():
        pairs = list(zip(rounds, base, strict=True))
        counted = [one.instructions for one in rounds if one.instructions is not None]
        table.rows.append(
            (
                name,
                spread([one.cpu_us for one in rounds]),
                spread([one.user_us for one in rounds]),
                spread([one.cpu_us / other.cpu_us for one, other in pairs], "{:.2f}"),
                spread([one.user_us / other.user_us for one, other in pairs], "{:.2f}"),
                f"{min(one.cpu_us for one in rounds) / min(one.cpu_us for one in base):.2f}",
                spread(counted, "{:.0f}"),
            )
        )
    table.notes.append(
        "Median (least–most) of short rounds in turn; ratios are within one round, but for least to least."
    )
    return table


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--listings", type=int, default=2000, help="listings in the register, for example 100000")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--seconds", type=int, default=ROUND_S, help="of each round")
    arguments = parser.parse_args()
    if lacking := tools.missing("wrk", "taskset"):
        sys.stderr.write(lacking + "\n")
        return 2
    os.sched_setaffinity(0, {OTHER_CORE})
    with tempfile.TemporaryDirectory(prefix="creditgate-bench-") as directory:
        sys.stdout.write(run(Path(directory), arguments.listings, arguments.rounds, arguments.seconds).text())
    return 0


if __name__ == "__main__":
    sys.exit(main())
