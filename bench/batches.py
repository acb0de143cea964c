"""Batches of 1,000 checks beside single checks, and how long another request waits during a batch."""

import re
import threading
import time
from collections import Counter
from collections.abc import Sequence
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

from bench import subjects
from bench.group import ProcessGroup
from bench.processes import MIN_CORE_SHARE, SERVER_CORE, pin
from bench.report import Table
from bench.rounds import Samples, spread
from bench.wrk import Target, load

BATCH_CHECKS = 1000
BATCH_CONNECTIONS = 2
MIN_ROUND_S = 5
"""Seconds of a round, enough for several batches."""
DRAIN_TIMEOUT_S = 45.0


class Probe:
    """Requests /livez every 2 ms in a thread; ``stop`` returns the longest latency."""

    def __init__(self, url: str) -> None:
        self._connection = HTTPConnection(urlsplit(url).netloc, timeout=30)
        self._longest, self._going = 0.0, True
        self._thread = threading.Thread(target=self._ask, daemon=True)
        self._thread.start()

    def stop(self) -> float:
        """Stop, and return the longest latency in seconds."""
        self._going = False
        self._thread.join(60)
        self._connection.close()
        return self._longest

    def _ask(self) -> None:
        while self._going:
            began = time.perf_counter()
            self._connection.request("GET", "/livez")
            self._connection.getresponse().read()
            self._longest = max(self._longest, time.perf_counter() - began)
            time.sleep(0.002)


def batches(
    directory: Path, group: ProcessGroup, own: Target, chosen: Sequence[str], rounds: int, seconds: int
) -> list[Table]:
    """Rounds of single checks and batches in turn, and of no load for comparison."""
    many = group.target(group.main, subjects.write_batches(directory / "batches", chosen, BATCH_CHECKS), "batch")
    samples = Samples({"lane": [], "batch": []})
    loop_delays: Counter[str] = Counter()
    waits: dict[str, list[float]] = {"lane": [], "batch": [], "idle": []}
    pin(own.pids, SERVER_CORE)
    for _ in range(rounds):
        for target, connections in ((own, 16), (many, BATCH_CONNECTIONS)):
            before = _loop_delays(group)
            probe = Probe(group.main.url)
            samples.rounds[target.name].append(load(target, max(seconds, MIN_ROUND_S), connections))
            waits[target.name].append(probe.stop())
            if target is many:
                loop_delays += _loop_delays(group) - before
            group.drain(DRAIN_TIMEOUT_S)
        probe = Probe(group.main.url)
        time.sleep(1)
        waits["idle"].append(probe.stop())
    return [_table(samples, waits, loop_delays)]


def _table(samples: Samples, waits: dict[str, list[float]], loop_delays: Counter[str]) -> Table:
    table = Table("Batches of 1,000", ("what", "subjects/s", "CPU µs/subject", "longest /livez ms", "share", "rounds"))
    for name, size, label in (
        ("lane", 1, "one subject a request"),
        ("batch", BATCH_CHECKS, "1,000 subjects a request"),
    ):
        found, marked = samples.of(name), samples.marked(name)
        table.rows.append(
            (
                label,
                spread([one.rate * size for one in found], "{:.0f}"),
                spread([one.cpu_us / size for one in found]),
                spread([one * 1e3 for one in waits[name]]),
                spread([one.share for one in found], "{:.2f}"),
                f"{len(found)}" + (f", {marked} MARKED" if marked else ""),
            )
        )
    table.rows.append(("nothing", "–", "–", spread([one * 1e3 for one in waits["idle"]]), "–", str(len(waits["idle"]))))
    ratios = [one * BATCH_CHECKS for one in samples.ratios("lane", "batch", lambda found: found.cpu_us)]
    table.notes.append(f"One check costs as much CPU time as {spread(ratios)} subjects of a batch (within the round).")
    table.notes.append(
        f"{BATCH_CONNECTIONS} connections send batches. /livez is called every 2 ms from core 1, where it also waits"
        " for wrk: an upper bound of how long the event loop was blocked."
        f" Rounds below {MIN_CORE_SHARE} are marked, not run again."
    )
    table.notes.append(
        "By the gateway's own metric, during batches, the event loop was less than 2 ms late in"
        f" {_share(loop_delays, '0.002')} of the samples, less than 5 ms in {_share(loop_delays, '0.005')}."
    )
    return table


def _loop_delays(group: ProcessGroup) -> Counter[str]:
    """The gateway's histogram of event-loop delays: samples by bucket."""
    found = re.findall(r'creditgate_event_loop_delay_seconds_bucket\{le="(\S+)"\} (\S+)', group.metrics(group.main))
    return Counter({bound: int(float(count)) for bound, count in found})


def _share(loop_delays: Counter[str], within: str) -> str:
    return f"{loop_delays[within] / max(1, loop_delays['+Inf']):.1%}"
