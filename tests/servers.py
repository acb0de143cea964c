"""What every real server in the tests has in common: skip or fail, a free port, a child that ends with the tests.

    available() -> start() -> ... kill() / stop() -> start() again on the same directory and port

A child is started through `setpriv --pdeathsig`, so it ends with the test process, however that ends. The
kernel ties this to the *thread* that started the child: start it from the main thread, not an executor.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

import pytest

LOOPBACK = "127.0.0.1"


def require(reason: str | None) -> None:
    """Go on when `reason` is None; else skip, or fail where CREDITGATE_REQUIRE_SERVERS=1 forbids skipping."""
    if reason is None:
        return
    if os.environ.get("CREDITGATE_REQUIRE_SERVERS") == "1":
        pytest.fail(f"CREDITGATE_REQUIRE_SERVERS=1, but {reason}", pytrace=False)
    pytest.skip(reason)


def missing(*programs: str) -> str | None:
    """One line naming the programs that are not on this machine, or None."""
    absent = [program for program in (*programs, "setpriv") if shutil.which(program) is None]
    return f"not installed: {', '.join(absent)}" if absent else None


def free_port() -> int:
    """A loopback port that is free at the moment."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def listens(port: int) -> bool:
    """Whether a connection to this loopback port is accepted."""
    try:
        socket.create_connection((LOOPBACK, port), timeout=1).close()
    except OSError:
        return False
    return True


def run(command: list[str], *, timeout: float = 300, user: str | None = None) -> None:
    """Run a preparing command to its end; its output is only shown when it fails."""
    done = subprocess.run(
        _as_user(user) + command if user else command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=timeout,
        check=False,
        cwd="/",
    )
    if done.returncode:
        raise RuntimeError(f"{Path(command[0]).name} ended with {done.returncode}:\n{done.stdout[-2000:]}")


def _as_user(user: str | None) -> list[str]:
    return ["setpriv"] + ([f"--reuid={user}", f"--regid={user}", "--init-groups"] if user else [])


class Server(ABC):
    """One server process with its own directory; as a context manager it is started and stopped."""

    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM
    death_signal: ClassVar[str] = "KILL"  # sent by the kernel when the test process ends

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.home = directory  # where its data stands; another place only where `directory` will not do
        self.user: str | None = None
        self._process: subprocess.Popen[bytes] | None = None
        directory.mkdir(parents=True, exist_ok=True)

    @staticmethod
    @abstractmethod
    def available() -> str | None:
        """None when this machine can run the server, else the one-line reason why not."""

    @abstractmethod
    def _prepare(self) -> None:
        """Make the files it needs, once for the directory."""

    @abstractmethod
    def _command(self) -> list[str]:
        """The command line that runs it in the foreground."""

    @abstractmethod
    def _answers(self) -> bool:
        """Whether it serves requests now."""

    @property
    def pid(self) -> int:
        """The process id of the running server."""
        if self._process is None:
            raise RuntimeError(f"{type(self).__name__} is not running")
        return self._process.pid

    def start(self, timeout: float = 60) -> None:
        """Start it and return once it answers; the data of an earlier run on this directory is kept."""
        self.launch()
        self.wait(timeout)

    def launch(self) -> None:
        """Start it and return at once. A test that must not stop its event loop awaits `wait` in a thread then."""
        if self._process is not None:
            raise RuntimeError(f"{type(self).__name__} is running already")
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError("start servers from the main thread: they die with the thread that started them")
        self._prepare()
        self._process = self._spawn()

    def wait(self, timeout: float = 60) -> None:
        """Return once the launched server answers; one that never does is killed, and its log shown."""
        deadline = time.monotonic() + timeout
        while not self._answers():
            ended = self._process.poll() if self._process else None
            if self._process is None or ended is not None or time.monotonic() > deadline:
                self.kill()
                state = "gives no answer" if ended is None else f"ended with {ended}"
                raise RuntimeError(f"{type(self).__name__} {state}:\n{self.log_tail()}")
            time.sleep(0.05)

    def stop(self, timeout: float = 30) -> None:
        """Stop it cleanly, or by SIGKILL after the timeout; does nothing when it is not running."""
        if self._process is None:
            return
        self._process.send_signal(self.stop_signal)
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def kill(self) -> None:
        """SIGKILL: what a power cut or the OOM killer does. Does nothing when it is not running."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def log_tail(self) -> str:
        """The end of what it wrote, for the message of a failed test."""
        log = self.directory / "server.log"
        return log.read_text(errors="replace")[-3000:] if log.exists() else ""

    def _spawn(self) -> subprocess.Popen[bytes]:
        prefix = [*_as_user(self.user), "--pdeathsig", self.death_signal]
        with (self.directory / "server.log").open("ab") as log:
            return subprocess.Popen(
                prefix + self._command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                cwd="/",
            )

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
