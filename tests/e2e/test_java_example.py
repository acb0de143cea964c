"""The Java example compiles without a warning and checks against the started program."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.e2e.program import ROOT, Program, credit_code
from tests.servers import require

EXAMPLE = ROOT / "examples" / "java"


@pytest.fixture(scope="module")
def classes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example, compiled with all warnings as errors."""
    require(None if shutil.which("javac") else "not installed: javac")
    folder = tmp_path_factory.mktemp("java")
    command = ["javac", "-Xlint:all", "-Werror", "-d", str(folder), str(EXAMPLE / "CreditGateExample.java")]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    return folder


@pytest.mark.parametrize(
    ("who", "code", "says"),
    [("92320803MA1TE5T18U", 3, "intercept"), (credit_code(8_300_001), 0, "allow"), ("9132", 1, "identifier_invalid")],
)
def test_java_example_prints_the_answer(program: Program, classes: Path, who: str, code: int, says: str) -> None:
    """A listed seller is intercepted, an unlisted one allowed, and an invalid number is an error."""
    command = ["java", "-cp", str(classes), "CreditGateExample", program.url, who]
    environment = os.environ | {"CREDITGATE_KEY": program.key}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    assert says in done.stdout + done.stderr
