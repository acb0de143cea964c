"""Start a worker: ``creditgate worker``. Ends with 0 when asked to, with another code when it failed."""

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
from streams.app import bind_agents, build_app

_SHUTDOWN_DEADLINE = 20
"""Seconds: stopping can hang while Kafka is away or rebalancing; nothing unacknowledged is lost by ending."""


class Worker(faust.Worker):  # type: ignore[misc]
    """Faust's worker with a bound on how long it may take to stop."""

    def _schedule_shutdown(self, signum: signal.Signals) -> None:
        super()._schedule_shutdown(signum)
        self.loop.call_later(_SHUTDOWN_DEADLINE, os._exit, 70)


class AdminServer(Service):  # type: ignore[misc]
    """The worker's own /livez, /readyz and /metrics, up before the worker joins its group."""

    def __init__(self, app: faust.App, host: str, port: int, **options: Any) -> None:  # noqa: ANN401
        super().__init__(**options)
        self._faust = app
        self._host = host
        self._port = port
        self._runner: web.AppRunner | None = None

    async def on_start(self) -> None:
        """Open the port."""
        site = web.Application()
        site.router.add_get("/livez", self._livez)
        site.router.add_get("/readyz", self._readyz)
        site.router.add_get("/metrics", self._metrics)
        self._runner = web.AppRunner(site, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, self._host, self._port).start()

    async def on_stop(self) -> None:
        """Close the port."""
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
    bind_agents(app, settings, lambda: datetime.now(UTC))
    services = []
    if settings.worker_port is not None:
        services.append(AdminServer(app, settings.host, settings.worker_port, loop=loop))
    Worker(app, *services, loop=loop, override_logging=False, quiet=True).execute_from_commandline()
