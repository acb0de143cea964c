"""A real PostgreSQL from Debian's package: its binaries are under /usr/lib/postgresql/*/bin, not on the PATH.

PostgreSQL refuses to run as root. Then it runs as the package's user `postgres`; its data, which that user
could not reach inside pytest's private directory, stands in a place of its own, removed when the tests end.
"""

from __future__ import annotations

import atexit
import os
import pwd
import shutil
import signal
import tempfile
import time
from pathlib import Path

from tests.servers import LOOPBACK, Server, free_port, missing, run

OWNER = "creditgate"


def _binaries() -> Path | None:
    """The directory of the newest installed version, or None."""
    found = [path for path in Path("/usr/lib/postgresql").glob("*/bin") if (path / "initdb").exists()]
    return max(found, key=lambda path: int(path.parent.name)) if found else None


def _has_user(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"


class PostgreSQLServer(Server):
    """`url` is for SQLAlchemy's asyncpg; a restart on the same object keeps data and port."""

    stop_signal = signal.SIGINT  # "fast": does not wait for clients to leave
    death_signal = "QUIT"  # "immediate": lets the postmaster take its children along

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.port = free_port()
        self.url = self._url(OWNER)
        if os.geteuid() == 0:
            self.user = "postgres"

    @staticmethod
    def available() -> str | None:
        """None when the server can run here, else the one-line reason."""
        if _binaries() is None:
            return "not installed: PostgreSQL server binaries (/usr/lib/postgresql/*/bin)"
        if os.geteuid() == 0 and not _has_user("postgres"):
            return "no user `postgres` to run PostgreSQL as"
        return missing()

    def create_database(self, name: str) -> str:
        """Make an empty database and return its URL, so that tests can share one server."""
        run(
            [self._program("createdb"), "-h", LOOPBACK, "-p", str(self.port), "-U", OWNER, name],
            user=self.user,
        )
        return self._url(name)

    def start(self, timeout: float = 60) -> None:
        """Start it; the first time also make the cluster and the database `creditgate`."""
        fresh = not self._data.exists()
        super().start(timeout)
        if fresh:
            self.create_database(OWNER)

    def kill(self) -> None:
        """SIGKILL to the postmaster; its children leave by themselves, and no new start is possible before."""
        children = _children(self._process.pid) if self._process else []
        super().kill()
        deadline = time.monotonic() + 10
        while any(_runs(child) for child in children) and time.monotonic() < deadline:
            time.sleep(0.02)

    @property
    def _data(self) -> Path:
        return self.home / "data"

    def _prepare(self) -> None:
        if self._data.exists():
            return
        if self.user:
            self.home = Path(tempfile.mkdtemp(prefix="creditgate-postgresql-"))
            shutil.chown(self.home, self.user, self.user)
            atexit.register(shutil.rmtree, self.home, ignore_errors=True)
        initdb = [self._program("initdb"), "-D", str(self._data), "-U", OWNER]
        run([*initdb, "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"], user=self.user)

    def _command(self) -> list[str]:
        settings = {"listen_addresses": LOOPBACK, "unix_socket_directories": "", "timezone": "UTC"}
        return [
            self._program("postgres"),
            *("-D", str(self._data), "-p", str(self.port)),
            *(part for name, value in settings.items() for part in ("-c", f"{name}={value}")),
        ]

    def _answers(self) -> bool:
        try:
            run([self._program("pg_isready"), "-q", "-h", LOOPBACK, "-p", str(self.port)])
        except RuntimeError:
            return False
        return True

    def _program(self, name: str) -> str:
        binaries = _binaries()
        if binaries is None:
            raise RuntimeError("PostgreSQL is not installed")
        return str(binaries / name)

    def _url(self, database: str) -> str:
        return f"postgresql+asyncpg://{OWNER}@{LOOPBACK}:{self.port}/{database}"
