"""The result as Markdown, which is printed and written to a file."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.processes import MIN_CORE_SHARE
from bench.rounds import Samples, spread

HEADINGS = (
    "server",
    "CPU µs/request",
    "requests/s",
    "p50 ms",
    "others µs/request",
    "share",
    "share beside",
    "busy",
    "rounds",
)


@dataclass(slots=True)
class Table:
    """One part of the result."""

    title: str
    headings: Sequence[str]
    rows: list[Sequence[str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def text(self) -> str:
        """In Markdown, its columns in line."""
        lines = [self.headings, ["---"] * len(self.headings), *self.rows] if self.rows else []
        widths = [max(len(line[place]) for line in lines) for place in range(len(self.headings))] if lines else []
        table = [
            "| " + " | ".join(_filled(cell, width) for cell, width in zip(line, widths, strict=True)) + " |"
            for line in lines
        ]
        notes = ["", *(f"- {note}" for note in self.notes)] if self.notes else []
        return "\n".join([f"## {self.title}", "", *table, *notes, ""])


def _filled(cell: str, width: int) -> str:
    return "-" * width if cell == "---" else cell.ljust(width)


def servers(title: str, samples: Samples) -> Table:
    """One row for each server."""
    table = Table(title, HEADINGS)
    for name in samples.rounds:
        found = samples.of(name)
        marked = samples.marked(name)
        table.rows.append(
            (
                name,
                spread([one.cpu_us for one in found]),
                spread([one.rate for one in found], "{:.0f}"),
                spread([one.p50 * 1e3 for one in found], "{:.2f}"),
                spread([one.beside for one in found]),
                spread([one.spent.share for one in found], "{:.2f}"),
                spread([one.spent.share_beside for one in found], "{:.2f}"),
                spread([one.spent.busy for one in found], "{:.2f}"),
                f"{len(found)}" + (f", {marked} MARKED" if marked else ""),
            )
        )
    table.notes += [f"{name}: FAILED, {reason}" for name, reason in samples.failures.items()]
    if samples.again:
        table.notes.append(
            f"{samples.again} rounds were run again: a server or its load had less than {MIN_CORE_SHARE} of the core."
        )
    return table


def compared(samples: Samples, pairs: Sequence[tuple[str, str, str]]) -> Table:
    """Ratios of the reference to ours within the round; ``pairs`` are our server, the reference, and the aim."""
    table = Table("Ratios within the round", ("what", "by CPU", "by requests/s", "aim, by CPU", "rounds"))
    for ours, theirs, aim in pairs:
        by_cpu = samples.ratios(theirs, ours, lambda found: found.cpu_us)
        by_rate = samples.ratios(ours, theirs, lambda found: found.rate)
        good = len(samples.good_pairs(ours, theirs))
        rounds = str(good) if good else f"{len(by_cpu)}, all MARKED"
        if by_cpu:
            row = (f"{ours} to {theirs}", spread(by_cpu, "{:.2f}"), spread(by_rate, "{:.2f}"), aim, rounds)
            table.rows.append(row)
    table.notes.append(
        "Above 1: ours answers more for the same CPU time. Marked rounds are left out where there are others."
    )
    return table


def document(facts: Sequence[tuple[str, str]], about: Sequence[str], tables: Sequence[Table]) -> str:
    """The whole result."""
    lines = ["# Results of `make bench`", "", "Written by `python -m bench.run`. Loopback only, one machine.", ""]
    lines += [f"- {name}: {value}" for name, value in facts]
    lines += ["", "How it was measured:", "", *(f"- {line}" for line in about), ""]
    return "\n".join(lines) + "\n" + "\n".join(table.text() for table in tables)


def write(path: Path, text: str) -> None:
    """Write the text to a file."""
    path.write_text(text)
