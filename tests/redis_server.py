"""Debian's redis-server with the persistence that production asks for: AOF, fsync every second."""

from __future__ import annotations

import shutil
import socket
from pathlib import Path

from tests.servers import LOOPBACK, Server, free_port, missing


class RedisServer(Server):
    """`directory` holds the append-only file; a restart on the same object keeps data and port."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.port = free_port()
        self.url = f"redis://{LOOPBACK}:{self.port}/0"

    @staticmethod
    def available() -> str | None:
        """None when redis-server is installed, else the one-line reason."""
        return missing("redis-server")

    def _prepare(self) -> None:
        (self.directory / "data").mkdir(exist_ok=True)

    def _command(self) -> list[str]:
        options = {
            "bind": LOOPBACK,
            "port": str(self.port),
            "dir": str(self.directory / "data"),
            "daemonize": "no",
            "save": "",
            "appendonly": "yes",
            "appendfsync": "everysec",
            "maxmemory-policy": "noeviction",
        }
        program = shutil.which("redis-server") or "redis-server"
        return [program, *(part for name, value in options.items() for part in (f"--{name}", value))]

    def _answers(self) -> bool:
        """It accepts connections before the AOF is loaded, and says LOADING until then: only +PONG counts."""
        try:
            with socket.create_connection((LOOPBACK, self.port), timeout=1) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(64).startswith(b"+PONG")
        except OSError:
            return False
