"""The table of edge cases names tests that exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
ROWS = [line for line in (ROOT / "docs" / "edge-cases.md").read_text().splitlines() if re.match(r"\| \d", line)]


@pytest.mark.parametrize("row", ROWS)
def test_each_case_has_a_proof_or_a_reason(row: str) -> None:
    """``file::test`` is there, or the row says "not yet" and why."""
    proof = row.split("|")[3].strip()
    named = re.fullmatch(r"`(tests/[\w/]+\.py)::(test_\w+)`", proof)
    if named is None:
        assert proof.startswith("not yet: ")
        return
    assert f"def {named[2]}(" in (ROOT / named[1]).read_text()
