"""A thousand subjects in a request against one; and how long anything else has to wait meanwhile."""

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
from bench.processes import ENOUGH, SERVER_CORE, pin
from bench.report import Table
from bench.rounds import Samples, spread
from bench.wrk import Target, load

_BATCH = 1000
_CONNECTIONS = 2
_SHORTEST = 5
"""Seconds of a round of batches: several must be answered within it."""
_DRAIN = 45.0


class Probe:
    """Asks /livez all the time from a thread of its own; ``stop`` gives the longest that it waited."""

    def __init__(self, url: str) -> None:
        self._connection = HTTPConnection(urlsplit(url).netloc, timeout=30)
        self._longest, self._going = 0.0, True
        self._thread = threading.Thread(target=self._ask, daemon=True)
        self._thread.start()

    def stop(self) -> float:
        """Seconds."""
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
    """Rounds of single checks and of batches in turn, and of nothing for comparison."""
    many = group.target(group.main, subjects.write_batches(directory / "batches", chosen, _BATCH), "batch")
    samples = Samples({"lane": [], "batch": []})
    looks: Counter[str] = Counter()
    waits: dict[str, list[float]] = {"lane": [], "batch": [], "idle": []}
    pin(own.pids, SERVER_CORE)
    for _ in range(rounds):
        for target, connections in ((own, 16), (many, _CONNECTIONS)):
            before = _looks(group)
            probe = Probe(group.main.url)
            samples.rounds[target.name].append(load(target, max(seconds, _SHORTEST), connections))
            waits[target.name].append(probe.stop())
            if target is many:
                looks += _looks(group) - before
            group.drain(_DRAIN)
        probe = Probe(group.main.url)
        time.sleep(1)
        waits["idle"].append(probe.stop())
    return [_table(samples, waits, looks)]


def _table(samples: Samples, waits: dict[str, list[float]], looks: Counter[str]) -> Table:
    table = Table("Batches of 1,000", ("what", "subjects/s", "CPU µs/subject", "longest /livez ms", "share", "rounds"))
    for name, size, said in (("lane", 1, "one subject a request"), ("batch", _BATCH, "1,000 subjects a request")):
        found, marked = samples.of(name), samples.marked(name)
        table.rows.append(
            (
                said,
                spread([one.rate * size for one in found], "{:.0f}"),
                spread([one.micros / size for one in found]),
                spread([one * 1e3 for one in waits[name]]),
                spread([one.share for one in found], "{:.2f}"),
                f"{len(found)}" + (f", {marked} MARKED" if marked else ""),
            )
        )
    table.rows.append(("nothing", "–", "–", spread([one * 1e3 for one in waits["idle"]]), "–", str(len(waits["idle"]))))
    ratios = [one * _BATCH for one in samples.ratios("lane", "batch", lambda found: found.micros)]
    table.notes.append(f"One check costs as much CPU time as {spread(ratios)} subjects of a batch (within the round).")
    table.notes.append(
        f"{_CONNECTIONS} connections send batches. /livez is asked every 2 ms from core 1, where it also waits for wrk;"
        f" it bounds from above how long the event loop was held. Rounds below {ENOUGH} are marked, not run again."
    )
    table.notes.append(
        f"By its own metric, while batches came, the event loop was less than 2 ms late for {_share(looks, '0.002')} of"
        f" those who were due, 5 ms for {_share(looks, '0.005')}."
    )
    return table


def _looks(group: ProcessGroup) -> Counter[str]:
    """How often the gateway looked how late its event loop was, by bucket."""
    found = re.findall(r'creditgate_event_loop_delay_seconds_bucket\{le="(\S+)"\} (\S+)', group.metrics(group.main))
    return Counter({bound: int(float(count)) for bound, count in found})


def _share(looks: Counter[str], within: str) -> str:
    return f"{looks[within] / max(1, looks['+Inf']):.1%}"
