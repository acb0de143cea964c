"""One started and seeded program for tests that only read or add; a program of its own for a test that breaks it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.program import Program


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """The program as ``make run`` starts it."""
    started = Program(tmp_path_factory.mktemp("up") / "var", CREDITGATE_WEBHOOK_PRIVATE="1").start("--seed")
    yield started
    assert started.stop() == 0


@pytest.fixture
def own_program(tmp_path: Path) -> Iterator[Program]:
    """A program for one test, not started yet."""
    own = Program(tmp_path / "var")
    yield own
    if own.process is not None and own.process.poll() is None:
        own.stop()
