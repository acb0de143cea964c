"""Files that the docs name exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("deploy/**/*.md"), ROOT / "bench" / "README.md"]
NAMED = re.compile(r"`((?:gateway|store|rules|intake|streams|creditgate|config|tests|bench|scripts|deploy)/[\w./*-]*)`")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_named_files_exist(page: Path) -> None:
    """Every repository path in backticks is a file or a folder."""
    missing = [path for path in NAMED.findall(page.read_text()) if not list(ROOT.glob(path.rstrip("/")))]
    assert not missing
