"""Tables of the command line fit into 80 columns, the width of a terminal and of a pipe."""

import unicodedata

import pytest

from tests.e2e.program import ROOT, Program

COLUMNS = 80


def width(line: str) -> int:
    """Columns of a line in a terminal: two for a Chinese character."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in line)


FORMATS = [path.stem for path in (ROOT / "config" / "formats").glob("*.yaml")]
CLIENTS = ["centre", "demo", "feeder", "housing-construction", "market-regulation", "government", "quarantine"]


@pytest.mark.parametrize(("command", "whole"), [(("clients", "list"), CLIENTS), (("feed", "formats"), FORMATS)])
def test_a_list_fits_and_cuts_nothing(program: Program, command: tuple[str, ...], whole: list[str]) -> None:
    """No line is wider, no name is cut off, every name is there."""
    listed = program.cli(*command)
    assert listed.returncode == 0, listed.stderr
    assert all(width(line) <= COLUMNS for line in listed.stdout.splitlines()), listed.stdout
    assert "…" not in listed.stdout
    assert not [name for name in whole if name not in listed.stdout]
