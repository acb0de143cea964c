"""Parts of a run: the delay of a record, two processes, more listings."""

import asyncio
import statistics
from collections.abc import Sequence
from pathlib import Path

from bench.group import ProcessGroup
from bench.processes import OTHER_CORE, SERVER_CORE, resident_bytes
from bench.report import Table, servers
from bench.rounds import interleaved, spread
from bench.wrk import Target

DRAIN_TIMEOUT_S = 15.0
GATEWAY_STARTS = 3


def freshness(directory: Path, per_second: int, count: int) -> list[Table]:
    """The delay from an accepted record to its effect, idle and under load."""
    from bench.feeds import delays  # noqa: PLC0415 - needs what only tests need

    idle, busy = asyncio.run(delays(directory, per_second, count))
    table = Table("A record, accepted until in force", ("records/s", "p50 ms", "p99 ms", "records"))
    for rate, seconds in ((0, idle), (per_second, busy)):
        cuts = statistics.quantiles(seconds, n=100)
        table.rows.append((str(rate), f"{cuts[49] * 1e3:.1f}", f"{cuts[98] * 1e3:.1f}", str(len(seconds))))
    table.notes.append(
        "From the topic into the register's change log; nothing is pinned, the sender is on the same cores."
    )
    return [table]


def workers(group: ProcessGroup, own: Target, rounds: int, seconds: int, again: int) -> list[Table]:
    """One gateway process against two."""
    two = group.target(group.gateway("two", workers=2), own.requests)
    cores = {"two": (SERVER_CORE, OTHER_CORE)}
    samples = interleaved(
        [own, two],
        rounds,
        seconds,
        again=again,
        connections=32,
        cores=cores,
        after=lambda _: group.drain(DRAIN_TIMEOUT_S),
    )
    table = servers("One process and two", samples)
    by_rate = spread(samples.ratios("two", "lane", lambda found: found.rate), "{:.2f}")
    by_cpu = spread(samples.ratios("two", "lane", lambda found: found.cpu_us), "{:.2f}")
    table.notes.append(f"two to one: {by_rate} by requests/s, {by_cpu} by CPU time a request.")
    table.notes.append("The second process shares its core with wrk, Valkey and the worker: requests/s gate nothing.")
    return [table]


def listings(
    groups: Sequence[ProcessGroup], targets: Sequence[Target], rounds: int, seconds: int, again: int
) -> list[Table]:
    """The same check with more listings."""
    named = [
        Target(f"{group.listings} listings", target.url, target.requests, target.pids, target.beside, target.headers)
        for group, target in zip(groups, targets, strict=True)
    ]

    def after(target: Target) -> None:
        groups[named.index(target)].drain(DRAIN_TIMEOUT_S)

    samples = interleaved(named, rounds, seconds, again=again, after=after)
    table = servers("By listings", samples)
    for group, target in zip(groups, named, strict=True):
        ratio = spread(samples.ratios(target.name, named[0].name, lambda found: found.cpu_us), "{:.2f}")
        own, store = resident_bytes(target.pids) / 1024**2, resident_bytes(target.beside) / 1024**2
        table.notes.append(
            f"{target.name}: {ratio} of the CPU time with {groups[0].listings}; gateway {own:.0f} MiB, Valkey and"
            f" worker {store:.0f} MiB; loaded in {group.loaded_in:.1f} s; one more gateway answered"
            f" {spread([group.ready_in() for _ in range(GATEWAY_STARTS)])} s after its start"
        )
    return [table]
