"""Serve the gateway: one process, or several that share a port."""

import asyncio
import signal
import socket
from datetime import UTC, datetime

import structlog
import uvloop
from aiohttp import web

from config.logs import set_up_logs
from config.settings import Settings
from gateway.app import build_app

_DRAIN = 10.0
_log = structlog.get_logger("gateway")


def run_gateway(settings: Settings, *, share_port: bool = False) -> None:
    """Serve until SIGTERM or SIGINT; finish what is in hand, then return.

    ``share_port`` lets other gateway processes of the group listen on the same port.
    """
    set_up_logs(settings.log_format)
    settings.log_effective()
    uvloop.run(_serve(settings, share_port=share_port))


async def _serve(settings: Settings, *, share_port: bool) -> None:
    app = build_app(settings, lambda: datetime.now(UTC))
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=_DRAIN)
    await runner.setup()
    try:
        await web.TCPSite(runner, settings.host, settings.port, reuse_port=share_port).start()
        _log.info("serving", host=settings.host, port=settings.port)
        stopping = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stopping.set)
        await stopping.wait()
    finally:
        await runner.cleanup()


def port_is_free(host: str, port: int) -> bool:
    """Whether nobody else listens there; with SO_REUSEPORT a second gateway would otherwise join in silence."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True
