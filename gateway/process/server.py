"""Serve the gateway: one process, or several that share a port."""

import asyncio
import gc
import signal
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime

import structlog
import uvloop
from aiohttp import web

from config.logs import set_up_logs
from config.settings import Settings
from gateway.app import CHECKS, REPLICA, build_app
from gateway.checks.direct_handler import DirectCheckHandler
from gateway.fastlane.context import FastLaneContext
from gateway.fastlane.server import FastLaneServer
from gateway.process.drain import leave
from gateway.process.listener import BACKLOG, ConnectionLimit, Listener, bound, listen, room_for_connections
from gateway.web.drain_state import DRAIN_STATE

_TO_CLOSE = 2.0
"""Seconds for answers that were made and not yet taken; what was in hand had its time before."""
_TO_LOAD = 60.0
_LINGER = 2.0
"""Seconds in which what is left of a refused body is read, so that the refusal arrives."""
_log = structlog.get_logger("gateway")


def run_gateway(settings: Settings, door: Listener | None = None) -> None:
    """Serve until SIGTERM or SIGINT; drain, finish what is in hand, then return.

    ``door`` is lent by a parent that runs several gateways; without it this process opens its own.
    """
    set_up_logs(settings.log_format)
    settings.log_effective()
    if door is None:
        deadline = settings.body_deadline
        door = Listener(listen(settings.host, settings.port, share_port=False, reading_deadline=deadline))
    uvloop.run(_serve(settings, door))


async def _serve(settings: Settings, door: Listener) -> None:
    app = build_app(settings, lambda: datetime.now(UTC))
    runner = web.AppRunner(
        app,
        access_log=None,
        shutdown_timeout=_TO_CLOSE,
        keepalive_timeout=settings.keep_alive,
        lingering_time=_LINGER,
    )
    await runner.setup()
    server = runner.server
    assert server is not None

    checks = app[CHECKS]
    server.request_handler = DirectCheckHandler(
        checks.service, checks.authenticator, app[DRAIN_STATE], settings.body_limit, server.request_handler
    )
    lanes = FastLaneServer(
        FastLaneContext(
            checks.service,
            checks.batches,
            checks.authenticator,
            app[DRAIN_STATE],
            server,
            settings.body_limit,
            settings.keep_alive,
            settings.body_deadline,
        )
    )

    def open_now() -> int:
        return len(server.connections) + lanes.open_connections

    bouncer = ConnectionLimit(room_for_connections(settings.max_connections), open_now)
    protocol: Callable[[], asyncio.BaseProtocol] = lanes if settings.fast_lane else server
    sweeping = asyncio.create_task(lanes.sweep())
    loop = asyncio.get_running_loop()
    # Whoever knocks meanwhile waits at the door; without a register it is opened too, and says so.
    with suppress(TimeoutError):
        async with asyncio.timeout(_TO_LOAD):
            await app[REPLICA].wait_for_load_attempt()
    # What was made so far stays: a collection that walks over it all would hold up those who ask meanwhile.
    gc.collect()
    gc.freeze()
    servers: list[asyncio.AbstractServer] = []
    try:
        for listener in door.listeners:
            servers.append(await loop.create_server(bouncer.guard(protocol), sock=listener, backlog=BACKLOG))
        _log.info("serving", host=settings.host, port=settings.port, most_connections=bouncer.most)
        stopping = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stopping.set)
        door.tell_serving()
        await stopping.wait()
        _log.info("draining")
        await leave(app[DRAIN_STATE], door, servers, open_now, lanes.close, settings.drain_seconds)
    finally:
        for each in servers:
            each.close()
        await lanes.close(0)
        sweeping.cancel()
        await runner.cleanup()


def port_is_free(host: str, port: int) -> bool:
    """Whether nobody else listens there; with SO_REUSEPORT a second gateway would otherwise join in silence."""
    try:
        probes = bound(host, port, share_port=False)
    except OSError:
        return False
    for probe in probes:
        probe.close()
    return True
