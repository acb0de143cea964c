"""The canary in the running program: a test record that passes through all feed processing and shows its duration."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.program import Program, eventually, http


def canary(program: Program) -> str:
    return str(http("GET", f"{program.url}/readyz").json["components"]["canary"])


def shown(program: Program, key: str) -> dict[str, float]:
    lines = http("GET", f"{program.url}/metrics", key=key).body.decode().splitlines()
    found = [line.rsplit(" ", 1) for line in lines if line.startswith("creditgate_canary")]
    return {name: float(value) for name, value in found}


@pytest.fixture
def flying(tmp_path: Path) -> Iterator[Program]:
    """A program that sends the canary often."""
    started = Program(tmp_path / "var", CREDITGATE_CANARY_SECONDS="0.3").start()
    yield started
    assert started.stop() == 0


def test_canary_repeats_and_reports_a_broken_feed_road(flying: Program) -> None:
    """Listing and removal of the canary are both counted; without a worker it reports a delay, and checks go on."""
    program = flying
    key = program.cli("clients", "add", "watcher", "--inspect", "--scene", "*").stdout.strip()
    assert eventually(lambda: canary(program).startswith("in_force"))
    rounds = 'creditgate_canary_seconds_count{step="free"}'
    assert eventually(lambda: shown(program, key).get(rounds, 0) >= 3)
    counted = shown(program, key)
    assert counted['creditgate_canary_seconds_bucket{le="30.0",step="in_force"}'] >= 3
    assert counted['creditgate_canary_flown_timestamp_seconds{step="free"}'] > 0
    verified = program.cli("register", "verify")
    assert verified.returncode == 0, verified.stdout
    worker = program.children()["creditgate worker"]
    os.kill(worker, signal.SIGSTOP)
    try:
        assert eventually(lambda: canary(program).startswith("late"), 20)
    finally:
        os.kill(worker, signal.SIGCONT)
    assert eventually(lambda: canary(program).startswith("in_force"), 60)
