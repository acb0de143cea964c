"""Reference servers of the same run: nginx with a static answer, and bare aiohttp."""

import os
import socket
import subprocess
import sys
from pathlib import Path

from bench.processes import family, start, stop, until
from bench.tools import ROOT, find
from bench.wrk import Target
from tests.e2e.program import free_port

MAX_ANSWER_BYTES = 3500
"""nginx limits the length of a string in its configuration."""

_NGINX = """\
daemon off; worker_processes 1; pid {here}/nginx.pid; error_log {here}/error.log;{user}
events {{ worker_connections 1024; }}
http {{
  access_log off; default_type application/json; keepalive_requests 100000000; client_body_buffer_size 16k;
  client_body_temp_path {here}/body; proxy_temp_path {here}/proxy; fastcgi_temp_path {here}/fastcgi;
  uwsgi_temp_path {here}/uwsgi; scgi_temp_path {here}/scgi;
  server {{ listen 127.0.0.1:{port}; location / {{ return 200 "{body}"; }} }}
}}
"""


class Reference:
    """A server of one process group, which answers every request with ``size`` bytes."""

    def __init__(self, name: str, directory: Path, size: int) -> None:
        self.name, self.size, self.port = name, size, free_port()
        self.directory = directory / name
        self.directory.mkdir()
        self._process: subprocess.Popen[bytes] | None = None

    def command(self) -> list[str]:
        """What starts it."""
        return [sys.executable, "-m", "bench.bare_server", str(self.port), str(self.size)]

    def start(self) -> "Reference":
        """Start it and wait until it listens."""
        environment = dict(os.environ) | {"PYTHONPATH": str(ROOT)}
        self._process = start(self.command(), self.directory / "log", environment=environment)
        until(lambda: listens(self.port), f"{self.name} did not come up; see {self.directory}")
        return self

    def target(self, requests: Path) -> Target:
        """A target that is loaded with these requests."""
        assert self._process is not None
        return Target(self.name, f"http://127.0.0.1:{self.port}", requests, family(self._process.pid))

    def stop(self) -> None:
        """Stop it."""
        stop(self._process)


class Nginx(Reference):
    """``return 200`` with a static body."""

    def command(self) -> list[str]:
        """What starts it."""
        conf = self.directory / "nginx.conf"
        user = " user root;" if os.getuid() == 0 else ""
        body = "x" * min(self.size, MAX_ANSWER_BYTES)
        conf.write_text(_NGINX.format(here=self.directory, port=self.port, body=body, user=user))
        return [find("nginx") or "nginx", "-p", str(self.directory), "-c", str(conf), "-e", str(self.directory / "log")]


def listens(port: int) -> bool:
    """Whether something accepts connections on that port of this machine."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
