"""Generated requests, valid and invalid by the API description, get no 5xx and only described answers."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.program import ROOT, Program

SCHEMATHESIS = str(Path(sys.executable).parent / "schemathesis")
CHECKS = "status_code_conformance,content_type_conformance,response_headers_conformance,response_schema_conformance"
PROXIES = "^/v1/authz"


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """A program for these tests only, because their requests would disturb others."""
    program = Program(tmp_path_factory.mktemp("fuzzed") / "var").start("--seed")
    yield program
    assert program.stop() == 0


def run(program: Program, key: str, *options: str) -> None:
    environment = os.environ | {"SCHEMATHESIS_HOOKS": "tests.e2e.fuzzing_hooks", "PYTHONPATH": str(ROOT)}
    command = [SCHEMATHESIS, "run", f"{program.url}/openapi.json", "-H", f"Authorization: Bearer {key}", "--no-color"]
    command += [
        "--seed",
        "7",
        "--suppress-health-check",
        "all",
        "--request-timeout",
        "30",
        "--generation-database",
        "none",
    ]
    done = subprocess.run(
        [*command, *options],
        env=environment,
        capture_output=True,
        text=True,
        timeout=170,
        check=False,
        cwd=program.data.parent,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert " passed" in done.stdout


@pytest.fixture(scope="module")
def key(fuzzed: Program) -> str:
    """A client with every grant, so that no operation ends at a 403."""
    options = ["--scene", "*", "--feed", "court", "--release", "--quarantine", "--inspect"]
    for data_class in ("public", "government", "authorised"):
        options += ["--data-class", data_class]
    made = fuzzed.cli("clients", "add", "fuzzer", *options)
    assert made.returncode == 0, made.stderr
    return made.stdout.strip()


def test_no_fault_and_no_undocumented_answer(fuzzed: Program, key: str) -> None:
    """All operations but the event stream, with valid and invalid data: no 5xx, every answer as described."""
    phases = ["--phases", "examples,fuzzing", "--max-examples", "8"]
    # Proxies are told 5xx for a wrong set-up on purpose; they have a test of their own.
    skipped = ["--exclude-path", "/v1/events", "--exclude-path-regex", PROXIES]
    run(fuzzed, key, "--checks", f"not_a_server_error,{CHECKS}", *phases, *skipped)


def test_hot_operations_at_their_bounds(fuzzed: Program, key: str) -> None:
    """Checks, tickets, feedback and locks at and beyond each bound of their schemas."""
    paths = ["--include-path-regex", "^/v1/(checks$|tickets|decisions|locks|watches|webhook)"]
    run(fuzzed, key, "--checks", f"not_a_server_error,{CHECKS}", "--phases", "coverage", *paths)


def test_proxies_are_answered_as_described(fuzzed: Program, key: str) -> None:
    """The proxy endpoint answers 200, 403 or 5xx to any headers."""
    run(fuzzed, key, "--checks", CHECKS, "--phases", "fuzzing", "--max-examples", "8", "--include-path-regex", PROXIES)
