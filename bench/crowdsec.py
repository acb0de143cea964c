"""CrowdSec's local API on a private directory: SQLite, one decision for each listing of ours, one look-up a request.

An installed CrowdSec and its service are not touched. In its favour: write-ahead log, no metrics, no
log of requests. It checks the key and looks up in SQL, and has none of our keyed hashes, rules or records.
"""

import os
import re
import secrets
import subprocess
from collections.abc import Sequence
from pathlib import Path

from bench.processes import family, start, stop, until
from bench.references import listens
from bench.subjects import listed
from bench.tools import find
from bench.wrk import Target
from tests.e2e.program import free_port, http

_CONFIG = """\
common: {{daemonize: false, log_media: stdout, log_level: error, working_dir: .}}
config_paths: {{config_dir: {here}, data_dir: {here}/data, simulation_path: {here}/simulation.yaml, hub_dir: {here}/hub,
  index_path: {here}/hub/.index.json, notification_dir: {here}/notifications, plugin_dir: {here}/plugins}}
cscli: {{output: human}}
db_config: {{log_level: error, type: sqlite, db_path: {here}/data/crowdsec.db, use_wal: true}}
plugin_config: {{user: nobody, group: nogroup}}
api:
  client: {{insecure_skip_verify: false, credentials_path: {here}/client.yaml}}
  server: {{log_level: error, listen_uri: "127.0.0.1:{port}", profiles_path: {here}/profiles.yaml,
    console_path: {here}/console.yaml}}
prometheus: {{enabled: false}}
"""
_PROFILES = "name: nothing\nfilters:\n - 1 == 0\ndecisions:\n - type: ban\n   duration: 4h\n"
LOAD_TIMEOUT_S = 900


class CrowdSec:
    """One local API. ``start``, ``load``, then ``target``."""

    name = "crowdsec"

    def __init__(self, directory: Path) -> None:
        self.directory, self.port = directory / "crowdsec", free_port()
        for name in ("data", "hub", "notifications", "plugins"):
            (self.directory / name).mkdir(parents=True)
        self._config = self.directory / "config.yaml"
        self._config.write_text(_CONFIG.format(here=self.directory, port=self.port))
        (self.directory / "profiles.yaml").write_text(_PROFILES)
        (self.directory / "simulation.yaml").write_text("simulation: false\n")
        (self.directory / "console.yaml").write_text("share_manual_decisions: false\n")
        (self.directory / "hub" / ".index.json").write_text("{}")
        (self.directory / "client.yaml").write_text("")
        self._process: subprocess.Popen[bytes] | None = None
        self._key = ""

    def start(self) -> "CrowdSec":
        """Start the local API alone, and register a machine for the import and a bouncer for the look-ups."""
        password = secrets.token_hex(16)
        credentials = str(self.directory / "client.yaml")
        self._cscli("machines", "add", "bench", "--password", password, "-f", credentials, "--force")
        text = f"url: http://127.0.0.1:{self.port}/\nlogin: bench\npassword: {password}\n"
        Path(credentials).write_text(text)
        (self.directory / "client.yaml").chmod(0o600)
        command = [find("crowdsec") or "crowdsec", "-c", str(self._config), "-no-cs"]
        self._process = start(command, self.directory / "log", environment=dict(os.environ))
        until(lambda: listens(self.port), f"crowdsec did not come up; see {self.directory}")
        self._key = self._cscli("bouncers", "add", "bench", "-o", "raw").split()[-1]
        return self

    def load(self, listings: int) -> None:
        """Import one decision for each listed subject. Raises ``RuntimeError``."""
        path = self.directory / "decisions.csv"
        with path.open("w") as file:
            file.write("value\n")
            file.writelines(f"{listed(number)}\n" for number in range(listings))
        # CrowdSec 1.4.6 ignores the scope column of the file, but not the option.
        more = ["--scope", "username", "--duration", "24h", "--type", "ban", "--reason", "bench"]
        self._cscli("decisions", "import", "-i", str(path), *more)
        path.unlink()
        if not self._look_up(listed(0)) or not self._look_up(listed(listings - 1)) or self._look_up("nobody"):
            raise RuntimeError("crowdsec does not answer with what was imported")

    def target(self, requests: Path) -> Target:
        """A target that is loaded with these look-ups."""
        assert self._process is not None
        url = f"http://127.0.0.1:{self.port}"
        return Target(self.name, url, requests, family(self._process.pid), headers={"X-Api-Key": self._key})

    def stop(self) -> None:
        """Stop it."""
        stop(self._process)

    def _look_up(self, value: str) -> Sequence[object]:
        url = f"http://127.0.0.1:{self.port}/v1/decisions?scope=username&value={value}"
        return http("GET", url, headers={"X-Api-Key": self._key}).json or ()

    def _cscli(self, *words: str) -> str:
        command = [find("cscli") or "cscli", "-c", str(self._config), *words]
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=LOAD_TIMEOUT_S, cwd=self.directory
        )
        if done.returncode:
            message = re.sub(r"\s+", " ", done.stderr)[-300:]
            raise RuntimeError(f"cscli {' '.join(words[:2])}: {message}")
        return done.stdout
