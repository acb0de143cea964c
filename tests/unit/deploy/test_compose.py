"""The deployment files: loopback only, ordered start, no secret in them, no root."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from config.settings import Settings

ROOT = Path(__file__).parents[3]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
LASTING = sorted(SERVICES.keys() - {"setup"})
OURS = ("setup", "gateway", "worker")
DOCKERFILE = (ROOT / "Dockerfile").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


@pytest.mark.parametrize("name", SERVICES)
def test_published_ports_are_on_loopback(name: str) -> None:
    """Only the gateway publishes a port, on 127.0.0.1; the other services are on an internal network."""
    ports = SERVICES[name].get("ports", [])
    assert all(port.startswith("127.0.0.1:") for port in ports)
    assert bool(ports) == (name == "gateway")
    assert "network_mode" not in SERVICES[name]
    assert COMPOSE["networks"]["inside"]["internal"] is True
    assert SERVICES[name]["networks"] == (["inside", "outside"] if name == "gateway" else ["inside"])


@pytest.mark.parametrize("name", LASTING)
def test_lasting_services_are_watched_and_restarted(name: str) -> None:
    """Every server has a health check, a restart policy and a stop grace period."""
    service = SERVICES[name]
    assert service["healthcheck"].keys() == {"test", "interval", "timeout", "start_period", "retries"}
    assert service["restart"] == "unless-stopped"
    assert _seconds(service["stop_grace_period"]) >= (31 if name == "worker" else 20)


def test_start_is_ordered() -> None:
    """Setup waits for its servers; gateway and worker wait for all three servers and for the end of setup."""
    healthy = {"condition": "service_healthy"}
    assert SERVICES["setup"]["depends_on"] == {"kafka": healthy, "postgres": healthy}
    for name in ("gateway", "worker"):
        after = {"kafka": healthy, "valkey": healthy, "postgres": healthy}
        assert SERVICES[name]["depends_on"] == after | {"setup": {"condition": "service_completed_successfully"}}
        assert SERVICES[name]["deploy"]["replicas"] == 2
    assert SERVICES["setup"]["restart"].startswith("on-failure")


@pytest.mark.parametrize("name", SERVICES)
def test_no_service_has_more_rights_than_it_needs(name: str) -> None:
    """No capability, no new privileges, no root user; every root file system but Kafka's is read-only."""
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"]
    assert "cap_add" not in service
    assert "privileged" not in service
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service.get("read_only", False) == (name != "kafka")
    if name in ("valkey", "postgres"):  # the other images do not run as root
        assert service["user"] == name
    for volume in service.get("volumes", []):
        assert volume.partition(":")[0] in COMPOSE["volumes"]  # no host directory is mounted


def test_secrets_come_from_files() -> None:
    """No environment value is a secret: secrets are *_FILE settings that point to ./secrets and not to the image."""
    assert all(secret["file"] == f"./secrets/{name}" for name, secret in COMPOSE["secrets"].items())
    for service in SERVICES.values():
        assert set(service.get("secrets", [])) <= COMPOSE["secrets"].keys()
        for variable, value in service.get("environment", {}).items():
            if re.search(r"PASSWORD|PEPPER|SECRET|KEY|TOKEN|LEDGER_URL|REDIS_URL", variable):
                assert variable.endswith("_FILE")
                assert value.removeprefix("/run/secrets/") in service["secrets"]
            assert not re.search(r"//[^/]*:[^/]*@", str(value))
    assert not re.search(r"(?i)\b(ARG|ENV)\b[^\n]*(password|pepper|secret|token)", DOCKERFILE)
    allowed = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    assert "secrets" not in allowed


@pytest.mark.parametrize("name", OURS)
def test_environment_names_settings_that_exist(name: str) -> None:
    """Each environment variable is a setting: a misspelt one would be ignored."""
    known = {f"CREDITGATE_{field.upper()}" for field in Settings.model_fields}
    assert {variable.removesuffix("_FILE") for variable in SERVICES[name]["environment"]} <= known


def test_register_is_durable_and_never_evicts() -> None:
    """The four Redis options on which the register's durability depends."""
    command = SERVICES["valkey"]["command"]
    given = dict(zip(command[1::2], command[2::2], strict=True))
    assert given["--appendonly"] == "yes"
    assert given["--appendfsync"] == "everysec"
    assert given["--maxmemory-policy"] == "noeviction"
    assert given["--aclfile"] == "/run/secrets/valkey_acl"


def test_kafka_is_the_version_that_the_tests_run() -> None:
    """Compose and tests/kafka/pom.xml have the same version; only setup creates topics."""
    tested = re.search(r"<kafka.version>(.+)</kafka.version>", (ROOT / "tests/kafka/pom.xml").read_text())
    assert tested is not None
    assert SERVICES["kafka"]["image"] == f"apache/kafka:{tested[1]}"
    assert SERVICES["kafka"]["environment"]["KAFKA_AUTO_CREATE_TOPICS_ENABLE"] == "false"
    assert len(SERVICES["kafka"]["environment"]["CLUSTER_ID"]) == 22  # 16 bytes in base64url


def test_image_is_locked_and_not_root() -> None:
    """Dependencies are locked by hash; the user is numeric and not 0; health check and entry point are set."""
    assert "pip install --require-hashes -r requirements.lock" in DOCKERFILE
    users = re.findall(r"^USER (\d+):\d+$", DOCKERFILE, re.MULTILINE)
    assert users == ["10001"]
    assert re.search(r"^HEALTHCHECK .*\\\n.*/livez", DOCKERFILE, re.MULTILINE)
    assert 'ENTRYPOINT ["creditgate"]' in DOCKERFILE


def test_image_gets_every_package() -> None:
    """Each package of pyproject.toml is copied, allowed by .dockerignore, and has its data files declared."""
    setuptools = PROJECT["tool"]["setuptools"]
    packages = [pattern.rstrip("*") for pattern in setuptools["packages"]["find"]["include"]]
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    for package in packages:
        assert f"COPY {package} ./{package}\n" in DOCKERFILE
        assert f"!{package}" in ignored
        patterns = setuptools["package-data"].get(package, [])
        declared = {path for pattern in patterns for path in (ROOT / package).glob(pattern)}
        files = {path for path in (ROOT / package).rglob("*") if path.is_file() and path.suffix in (".lua", ".yaml")}
        assert files <= declared, f"not in package-data of {package}: {files - declared}"


def test_the_readme_makes_every_secret(tmp_path: Path) -> None:
    """The script of deploy/README.md creates exactly the files that Compose requires."""
    script = (ROOT / "deploy/README.md").read_text().split("```sh\n")[1].split("```")[0]
    shell = shutil.which("sh") or "sh"
    subprocess.run([shell, "-c", script], cwd=tmp_path, check=True, timeout=20)
    secrets = {path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()}
    assert secrets.pop(".gitignore") == "*\n"
    assert secrets.keys() == COMPOSE["secrets"].keys()
    assert (tmp_path / "secrets").stat().st_mode & 0o777 == 0o700
    assert 16 <= len(secrets["pepper"]) <= 64
    assert f":{secrets['postgres_password']}@postgres:5432/" in secrets["ledger_url"]
    assert subprocess.run([shell, "-c", script], cwd=tmp_path, check=False, capture_output=True).returncode != 0
    assert (tmp_path / "secrets" / "pepper").read_text() == secrets["pepper"]


def _seconds(duration: str) -> int:
    return int(duration.removesuffix("s"))
