"""The worker's process: ``creditgate worker``. Exits with 0 when it was stopped, with another code when it failed."""

import os
import signal
from datetime import UTC, datetime
from typing import Any

import faust
import uvloop
from aiohttp import web
from mode import Service
from prometheus_client import CONTENT_TYPE_LATEST

from config.logs import set_up_logs
from config.metrics import exposition
from config.settings import Settings
from streams.app import bind_agents, bind_tasks, build_app
from streams.services import build_services

_SHUTDOWN_DEADLINE_S = 20
"""Stopping can hang while Kafka is unavailable or rebalances; an exit loses nothing that was not acknowledged."""
_SHUTDOWN_EXIT_CODE = 70


class Worker(faust.Worker):  # type: ignore[misc]
    """Faust's worker with a deadline for stopping."""

    def _schedule_shutdown(self, signum: signal.Signals) -> None:
        super()._schedule_shutdown(signum)
        self.loop.call_later(_SHUTDOWN_DEADLINE_S, os._exit, _SHUTDOWN_EXIT_CODE)


class AdminServer(Service):  # type: ignore[misc]
    """The worker's /livez, /readyz and /metrics; it listens before the worker joins its consumer group."""

    def __init__(self, app: faust.App, host: str, port: int, **options: Any) -> None:  # noqa: ANN401
        super().__init__(**options)
        self._faust = app
        self._host = host
        self._port = port
        self._runner: web.AppRunner | None = None

    async def on_start(self) -> None:
        """Listen."""
        site = web.Application()
        site.router.add_get("/livez", self._livez)
        site.router.add_get("/readyz", self._readyz)
        site.router.add_get("/metrics", self._metrics)
        self._runner = web.AppRunner(site, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, self._host, self._port).start()

    async def on_stop(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _livez(self, _request: web.Request) -> web.Response:
        return web.json_response({"status": "alive"})

    async def _readyz(self, _request: web.Request) -> web.Response:
        ready = self._faust.flow_control.is_active() and not self._faust.rebalancing
        status = "ready" if ready else "not_ready"
        return web.json_response({"status": status, "components": {"stream": status}}, status=200 if ready else 503)

    async def _metrics(self, _request: web.Request) -> web.Response:
        return web.Response(body=exposition(), headers={"Content-Type": CONTENT_TYPE_LATEST})


def run_worker(settings: Settings) -> None:
    """Run until stopped; does not return (the process exits with the worker's code)."""
    set_up_logs(settings.log_format)
    settings.log_effective()
    (settings.data / "faust").mkdir(parents=True, exist_ok=True)
    loop = uvloop.new_event_loop()
    app = build_app(settings)
    worker_services = build_services(settings, lambda: datetime.now(UTC))
    bind_agents(app, settings, worker_services)
    bind_tasks(app, settings, worker_services)
    services = []
    if settings.worker_port is not None:
        services.append(AdminServer(app, settings.host, settings.worker_port, loop=loop))
    Worker(app, *services, loop=loop, override_logging=False, quiet=True).execute_from_commandline()
