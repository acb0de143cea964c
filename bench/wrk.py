"""Closed-loop load by wrk (one thread), and the CPU time that one request costs its server."""

import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.processes import OTHER_CORE, Meter, Spent
from bench.tools import find

_SCRIPT = Path(__file__).with_name("mix.lua")
SETTLE_S = 0.1
WARM_UP_S = 1


class LoadFailedError(Exception):
    """A request got no answer, or none with 2xx, so that nothing was measured."""


@dataclass(frozen=True, slots=True)
class Target:
    """A server under load: its URL, requests and processes."""

    name: str
    url: str
    requests: Path
    pids: Sequence[int] = ()
    """The measured processes, on the server's core."""
    beside: Sequence[int] = ()
    """Their store and worker, on the other core."""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Round:
    """One run against one target."""

    rate: float
    cpu_us: float
    """CPU time of the server a request, in microseconds."""
    beside: float
    """CPU time of store and worker on the other core a request, in microseconds, within the round."""
    p50: float
    spent: Spent

    @property
    def share(self) -> float:
        """The smaller of the two cores' available shares."""
        return min(self.spent.share, self.spent.share_beside)


def load(target: Target, seconds: int, connections: int = 16, *, both: bool = False) -> Round:
    """Load a target for some seconds; ``both`` when it runs on both cores. Raises ``LoadFailedError``."""
    send(target, WARM_UP_S, connections)
    meter = Meter(target.pids, target.beside, both=both)
    requests, wall, p50 = send(target, seconds, connections)
    time.sleep(SETTLE_S)  # for what is sent after the answers
    spent = meter.read(settled=SETTLE_S)
    return Round(requests / wall, spent.cpu / requests * 1e6, spent.beside / requests * 1e6, p50, spent)


def send(target: Target, seconds: int, connections: int) -> tuple[int, float, float]:
    """The number of answers, the seconds, and the median latency in seconds. Raises ``LoadFailedError``."""
    command = ["taskset", "-c", str(OTHER_CORE), find("wrk") or "wrk", "-t1", f"-c{connections}", f"-d{seconds}s"]
    command += ["--timeout", "30s", "-s", str(_SCRIPT), target.url, "--", str(target.requests)]
    command += [f"{name}: {value}" for name, value in target.headers.items()]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=seconds + 90)
    found = [line.split()[1:] for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    if not found:
        raise LoadFailedError(f"{target.name}: {done.stdout[-300:]}{done.stderr[-300:]}")
    requests, duration, failed, status, p50, _ = (int(float(field)) for field in found[0])
    if failed or status or not requests:
        raise LoadFailedError(f"{target.name}: {requests} requests, {failed} failed, {status} not answered with 2xx")
    return requests, duration / 1e6, p50 / 1e6
