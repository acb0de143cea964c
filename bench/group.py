"""CreditGate as one command starts it, with many listings; and more gateways beside it with other settings."""

import os
import re
import shutil
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from bench.processes import command_of, family, start, stop, until
from bench.subjects import INTERCEPT_SCENE, WARN_SCENE, check, free, listed
from bench.tools import ROOT
from bench.wrk import Target
from creditgate.embedded.data_dir import socket_path
from tests.e2e.program import Answer, free_port, http

_PREFIX = "CREDITGATE_"
CLIENT_RATE = 1_000_000
"""Rate limit of the benchmarks' client, in checks a second: far more than a gateway answers."""
SLOW_DRAIN_S = 3.0
_CREDITGATE = [sys.executable, "-m", "creditgate"]


@dataclass(slots=True)
class Gateway:
    """One gateway, of one process or several, on the group's backends."""

    name: str
    port: int
    process: subprocess.Popen[bytes] | None = None
    workers: int = 1

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"


class ProcessGroup:
    """``creditgate up --seed`` on a directory of its own: Valkey, worker and gateway with all its defaults."""

    def __init__(self, directory: Path, listings: int) -> None:
        self.directory, self.listings = directory, listings
        directory.mkdir()
        self.data = directory / "var"
        self.main = Gateway("lane", free_port())
        self.gateways = [self.main]
        self.loaded_in = 0.0
        self.restarts = 0
        self.key = self.inspector = ""
        self.written: list[float] = []
        """Decisions a second that the worker wrote to the ledger while no load ran."""
        self.behind = 0
        """How often the worker had not caught up when the next server was measured."""

    def start(self) -> "ProcessGroup":
        """Start it, and register a client that may check in every scene."""
        log = self.directory / "log"
        self.main.process = start([*_CREDITGATE, "up", "--seed"], log, environment=self._environment(self.main))
        until(lambda: "Ctrl-C" in log.read_text() or self._ended(log), "creditgate did not come up", 120)
        self.key = self._client()
        return self

    def gateway(self, name: str, workers: int = 1, **settings: str) -> Gateway:
        """Start another gateway on the same backends and wait until it is ready."""
        found = Gateway(name, free_port(), workers=workers)
        metrics = self.directory / f"metrics-{name}"
        metrics.mkdir()
        environment = self._environment(found) | self._backends() | settings
        environment["PROMETHEUS_MULTIPROC_DIR"] = str(metrics)
        command = [*_CREDITGATE, "serve", "--workers", str(workers)]
        found.process = start(command, self.directory / f"log-{name}", environment=environment)
        self.gateways.append(found)
        self.until_ready(found)
        return found

    def ready_in(self) -> float:
        """Seconds from the start of one more gateway until it is ready; it is stopped again."""
        self.restarts += 1
        began = time.perf_counter()
        found = self.gateway(f"restarted-{self.restarts}")
        took = time.perf_counter() - began
        stop(found.process)
        self.gateways.remove(found)
        return took

    def until_ready(self, gateway: Gateway, seconds: float = 300) -> None:
        """Wait until it answers rightly about the first and the last listing and a subject without one."""
        expected = {listed(0): "warn", listed(self.listings - 1): "warn", free(0): "allow"}

        def answers() -> bool:
            try:
                return all(self._outcome(gateway, who) == (outcome, True) for who, outcome in expected.items())
            except (OSError, KeyError, ValueError):
                return False

        until(answers, f"gateway {gateway.name} does not answer as it must; see {self.directory}", seconds)

    def target(self, gateway: Gateway, requests: Path, name: str = "") -> Target:
        """A target that is loaded with these requests."""
        headers = {"Authorization": f"Bearer {self.key}"}
        return Target(name or gateway.name, gateway.url, requests, self.pids(gateway), self.beside(), headers)

    def pids(self, gateway: Gateway) -> list[int]:
        """The process IDs of a gateway."""
        assert gateway.process is not None
        found = family(gateway.process.pid)
        return [pid for pid in found if "creditgate serve" in command_of(pid) or "spawn_main" in command_of(pid)]

    def beside(self) -> list[int]:
        """The process IDs of Valkey and the worker."""
        assert self.main.process is not None
        found = family(self.main.process.pid)
        return [pid for pid in found if re.search(r"valkey-server|creditgate worker", command_of(pid))]

    def answer_size(self) -> int:
        """Body bytes of the answer about a subject without a listing."""
        return len(self._ask(self.main, free(1), WARN_SCENE).body)

    def intercepts(self) -> bool:
        """Whether the stricter scene intercepts a listed subject."""
        return bool(self._ask(self.main, listed(1), INTERCEPT_SCENE).json["outcome"] == "intercept")

    def metrics(self, gateway: Gateway) -> str:
        """The Prometheus metrics of a gateway, as text."""
        self.inspector = self.inspector or self._client("inspector", "--inspect")
        return http("GET", f"{gateway.url}/metrics", key=self.inspector).body.decode()

    def decisions(self) -> int:
        """How many decisions the ledger holds."""
        with closing(sqlite3.connect(f"file:{self.data / 'ledger.sqlite3'}?mode=ro", uri=True)) as ledger:
            return int(ledger.execute("SELECT coalesce(max(rowid), 0) FROM decisions").fetchone()[0])

    def drain(self, seconds: float) -> None:
        """Wait until the worker has written the decisions that were made, at most ``seconds``."""
        began, first, last = time.monotonic(), self.decisions(), -1
        while (now := self.decisions()) != last:
            if time.monotonic() - began > seconds:
                self.behind += 1
                break
            last = now
            time.sleep(0.5)
        if (took := time.monotonic() - began) > SLOW_DRAIN_S:
            self.written.append((now - first) / took)

    @property
    def redis_url(self) -> str:
        """Where the register is."""
        return f"unix://{socket_path(self.data.resolve())}"

    @property
    def pepper(self) -> bytes:
        """The secret of the group's keyed hashes."""
        return (self.data / "pepper").read_text().strip().encode()

    def stop(self) -> None:
        """Stop every process and remove the directory."""
        for gateway in reversed(self.gateways):
            stop(gateway.process)
        shutil.rmtree(self.directory, ignore_errors=True)

    def _outcome(self, gateway: Gateway, who: str) -> tuple[str, bool]:
        found = self._ask(gateway, who, WARN_SCENE).json
        return found["outcome"], not found.get("indeterminate")

    def _ask(self, gateway: Gateway, who: str, scene: str) -> Answer:
        return http("POST", f"{gateway.url}/v1/checks", check(who, 0, scene), key=self.key)

    def _client(self, name: str = "bench", *more: str) -> str:
        command = [*_CREDITGATE, "clients", "add", name, "--scene", "*", "--rate", str(CLIENT_RATE), *more]
        environment = self._environment(self.main)
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=60)
        return done.stdout.strip()

    def _ended(self, log: Path) -> bool:
        assert self.main.process is not None
        if self.main.process.poll() is not None:
            raise RuntimeError(f"creditgate ended: {log.read_text()[-500:]}")
        return False

    def _environment(self, gateway: Gateway) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_PREFIX)}
        own = {"DATA": str(self.data), "PORT": str(gateway.port)}
        return kept | {f"{_PREFIX}{name}": value for name, value in own.items()} | {"PYTHONPATH": str(ROOT)}

    def _backends(self) -> dict[str, str]:
        socket = socket_path(self.data.resolve())
        found = {
            "REDIS_URL": f"unix://{socket}",
            "BROKER_URL": f"rstream://{socket}",
            "LEDGER_URL": f"sqlite+aiosqlite:///{self.data.resolve() / 'ledger.sqlite3'}",
            "PEPPER": self.pepper.decode(),
        }
        return {f"{_PREFIX}{name}": value for name, value in found.items()}
