"""Interleaved rounds. A round that had too little of its core is repeated, ``MAX_REPEATS`` times at most."""

import statistics
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from bench.processes import MIN_CORE_SHARE, OTHER_CORE, SERVER_CORE, pin
from bench.wrk import LoadFailedError, Round, Target, load

MAX_REPEATS = 2
"""How often a round is repeated before it is kept and marked."""


@dataclass(slots=True)
class Samples:
    """Rounds by server, in the order of the rounds; None where one failed."""

    rounds: dict[str, list[Round | None]] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    again: int = 0

    def of(self, name: str) -> list[Round]:
        """The rounds of a server that did not fail."""
        return [found for found in self.rounds.get(name, ()) if found is not None]

    def marked(self, name: str) -> int:
        """How many of its rounds had too little of the core."""
        return sum(found.share < MIN_CORE_SHARE for found in self.of(name))

    def ratios(self, above: str, below: str, part: Callable[[Round], float]) -> list[float]:
        """Ratios of one server to another within each round; marked rounds count only when there are no others."""
        pairs = self.good_pairs(above, below) or self._pairs(above, below)
        return [part(one) / part(other) for one, other in pairs if part(other)]

    def good_pairs(self, above: str, below: str) -> list[tuple[Round, Round]]:
        """Rounds in which both had enough of the core."""
        return [pair for pair in self._pairs(above, below) if min(found.share for found in pair) >= MIN_CORE_SHARE]

    def _pairs(self, above: str, below: str) -> list[tuple[Round, Round]]:
        return [
            (one, other)
            for one, other in zip(self.rounds.get(above, ()), self.rounds.get(below, ()), strict=False)
            if one is not None and other is not None
        ]


def interleaved(
    targets: Sequence[Target],
    rounds: int,
    seconds: int,
    *,
    again: int = MAX_REPEATS,
    connections: int = 16,
    cores: Mapping[str, Sequence[int]] | None = None,
    after: Callable[[Target], None] = lambda _target: None,
) -> Samples:
    """Load each in turn. Only the server under load is on the server's core, unless ``cores`` differs."""
    samples = Samples({target.name: [] for target in targets})
    everybody = {pid for target in targets for pid in target.pids}
    for number in range(rounds):
        for target in _turned(targets, number):
            if target.name in samples.failures:
                samples.rounds[target.name].append(None)
                continue
            pin(everybody - set(target.pids), OTHER_CORE)
            on = (cores or {}).get(target.name, (SERVER_CORE,))
            pin(target.pids, *on)
            try:
                found = _round(target, seconds, connections, samples, again, both=len(on) > 1)
            except LoadFailedError as error:
                samples.failures[target.name] = str(error)
                found = None
            samples.rounds[target.name].append(found)
            after(target)
        sys.stderr.write(f"  round {number + 1} of {rounds}: {', '.join(target.name for target in targets)}\n")
    return samples


def _turned(targets: Sequence[Target], number: int) -> Iterator[Target]:
    """Reverse the order each round, so that the server before each one differs."""
    yield from targets if number % 2 == 0 else reversed(targets)


def _round(target: Target, seconds: int, connections: int, samples: Samples, again: int, *, both: bool) -> Round:
    found = load(target, seconds, connections, both=both)
    for _ in range(again):
        if found.share >= MIN_CORE_SHARE:
            break
        samples.again += 1
        found = max(found, load(target, seconds, connections, both=both), key=lambda one: one.share)
    return found


def spread(values: Sequence[float], form: str = "{:.1f}") -> str:
    """The median, with minimum and maximum in brackets."""
    if not values:
        return "–"
    said = [form.format(value) for value in (statistics.median(values), min(values), max(values))]
    return f"{said[0]} ({said[1]}–{said[2]})" if len(values) > 1 else said[0]
