"""The wheel is complete: installed alone, away from the checkout, it starts and decides a check.

The project comes from the wheel only; the dependencies are those of the running interpreter.
"""

import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

from tests.e2e.program import ROOT, Program

PACKAGES = ("config", "creditgate", "creditgate_client", "gateway", "intake", "rules", "store", "streams")
NOT_SHIPPED = {"creditgate_client/README.md"}
BIDDER = "91320800MA1TE5T0XK"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy so that files of an earlier build do not get into it."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    for package in PACKAGES:
        shutil.copytree(ROOT / package, source / package, ignore=shutil.ignore_patterns("__pycache__"))
    build = f"from setuptools import build_meta; build_meta.build_wheel({str(target)!r})"
    subprocess.run([sys.executable, "-c", build], cwd=source, capture_output=True, timeout=60, check=True)
    return next(target.glob("*.whl"))


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An interpreter that has the wheel, and the dependencies of this one, but nothing of the checkout."""
    place = tmp_path_factory.mktemp("installed")
    venv.create(place, symlinks=True)
    pip = [sys.executable, "-m", "pip", "--python", str(place), "install", "--no-deps", "--no-index"]
    subprocess.run([*pip, "--no-compile", str(wheel)], capture_output=True, timeout=60, check=True)
    # A folder named in a .pth file has its own .pth files ignored, and so the checkout's editable install.
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(place)}))
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return place / "bin" / "python"


@pytest.fixture
def program(python: Path, tmp_path: Path) -> Program:
    """The wheel's program, run from a folder that is not the checkout."""
    installed = Program(tmp_path / "data")
    installed.executable = str(python.with_name("creditgate"))
    installed.environment.pop("PYTHONPATH", None)
    return installed


def test_the_wheel_holds_every_file_of_the_packages(wheel: Path) -> None:
    """Lua, migrations, OpenAPI, pages, YAML, samples and ``py.typed`` come with the code."""
    files = {
        str(path.relative_to(ROOT))
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    assert files - set(zipfile.ZipFile(wheel).namelist()) == NOT_SHIPPED


def test_every_package_is_imported_from_the_wheel(program: Program, python: Path) -> None:
    """Every package is imported from the wheel and none from the checkout."""
    code = f"import {', '.join(PACKAGES)}; print(*[p.__file__ for p in ({', '.join(PACKAGES)})], sep='\\n')"
    found = subprocess.run(
        [python, "-c", code],
        env=program.environment,
        cwd=program.data.parent,
        capture_output=True,
        text=True,
        check=True,
    )
    assert all(Path(line).is_relative_to(python.parents[1]) for line in found.stdout.splitlines())


def test_installed_program_keeps_data_for_the_user(program: Program, tmp_path: Path) -> None:
    """Without ``CREDITGATE_DATA`` an installed program keeps its data under ``XDG_DATA_HOME``, wherever it starts."""
    del program.environment["CREDITGATE_DATA"]
    program.environment["XDG_DATA_HOME"] = str(tmp_path / "home")
    found = program.cli("config", "check")
    assert found.returncode == 0, found.stderr
    assert f"CREDITGATE_DATA={tmp_path / 'home' / 'creditgate'}" in found.stdout


def test_the_installed_program_starts_and_intercepts(program: Program) -> None:
    """From wheel to decision: embedded services, migrations, samples, a check; then everything ends."""
    try:
        program.start("--seed")
        answer = program.check("bidding.qualification", BIDDER, "bidder")
        assert (answer.status, answer.json["outcome"]) == (200, "intercept")
    finally:
        assert program.stop() == 0
