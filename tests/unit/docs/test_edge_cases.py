"""The table of edge cases names tests that pytest collects and does not skip."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
ROWS = [line for line in (ROOT / "docs" / "edge-cases.md").read_text().splitlines() if re.match(r"\| \d", line)]
PROOF = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")
COLLECT = ("--collect-only", "-q", "-m", "not skip and not skipif and not xfail", "-p", "no:cacheprovider")


@pytest.fixture(scope="module")
def runnable_tests() -> set[str]:
    """``file::test`` of each test in the named files that pytest collects, and that no marker skips."""
    files = sorted({found[1] for row in ROWS if (found := PROOF.search(row))})
    command = [sys.executable, "-m", "pytest", *COLLECT, *files]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=150, check=False)
    assert done.returncode == pytest.ExitCode.OK, done.stdout[-2000:]
    return {line.partition("[")[0] for line in done.stdout.splitlines() if "::" in line}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.split("|")[1].strip())
def test_each_case_has_a_test_or_a_reason(row: str, runnable_tests: set[str]) -> None:
    """pytest collects the ``file::test`` of the row, or the row says "not yet" and why."""
    proof = row.split("|")[3].strip()
    named = PROOF.fullmatch(proof)
    if named is None:
        assert proof.startswith("not yet: ")
    else:
        assert f"{named[1]}::{named[2]}" in runnable_tests
