"""One gateway process: it serves aiohttp and the fast lane on its sockets until it is told to end."""

import asyncio
import gc
import signal
from contextlib import suppress
from datetime import UTC, datetime

import structlog
import uvloop
from aiohttp import web

from config.logs import set_up_logs
from config.settings import Settings
from gateway.app import CHECKS, REPLICA, build_app
from gateway.checks.http.direct_handler import DirectCheckHandler
from gateway.fastlane.context import FastLaneContext
from gateway.fastlane.server import FastLaneServer
from gateway.process.connection_limit import ConnectionLimit, room_for_connections
from gateway.process.drain import drain
from gateway.process.listener import BACKLOG, Listener, listening_sockets
from gateway.web.drain_state import DRAIN_STATE

_SHUTDOWN_S = 2.0
"""For finished responses to be sent; the requests themselves had their time in the drain."""
_REPLICA_LOAD_S = 60.0
_LINGER_S = 2.0
"""The rest of a refused body is read for so long: else the connection is reset and the client loses the answer."""
_log = structlog.get_logger("gateway")


def run_gateway(settings: Settings, listener: Listener | None = None) -> None:
    """Serve until SIGTERM or SIGINT; drain, finish the requests, then return.

    ``listener`` is lent by a parent that runs several gateways; without it this process opens its own sockets.
    """
    set_up_logs(settings.log_format)
    settings.log_effective()
    if listener is None:
        deadline = settings.body_deadline
        listener = Listener(listening_sockets(settings.host, settings.port, share_port=False, write_deadline=deadline))
    uvloop.run(_serve(settings, listener))


async def _serve(settings: Settings, listener: Listener) -> None:
    app = build_app(settings, lambda: datetime.now(UTC))
    runner = web.AppRunner(
        app,
        access_log=None,
        shutdown_timeout=_SHUTDOWN_S,
        keepalive_timeout=settings.keep_alive,
        lingering_time=_LINGER_S,
    )
    await runner.setup()
    aiohttp_server = runner.server
    assert aiohttp_server is not None
    fast_lane = _connect_servers(app, aiohttp_server, settings)

    def open_connections() -> int:
        return len(aiohttp_server.connections) + fast_lane.open_connections

    limit = ConnectionLimit(room_for_connections(settings.max_connections), open_connections)
    factory = limit.guard(fast_lane if settings.fast_lane else aiohttp_server)
    sweeping = asyncio.create_task(fast_lane.sweep())
    await _load_replica(app)
    servers: list[asyncio.AbstractServer] = []
    try:
        for sock in listener.sockets:
            servers.append(await asyncio.get_running_loop().create_server(factory, sock=sock, backlog=BACKLOG))
        _log.info("serving", host=settings.host, port=settings.port, most_connections=limit.most)
        stopping = _stop_signal()
        listener.report_serving()
        await stopping.wait()
        _log.info("draining")
        await drain(app[DRAIN_STATE], listener, servers, open_connections, fast_lane.close, settings.drain_seconds)
    finally:
        for server in servers:
            server.close()
        await fast_lane.close(0)
        sweeping.cancel()
        await runner.cleanup()


def _connect_servers(app: web.Application, aiohttp_server: web.Server, settings: Settings) -> FastLaneServer:
    """Have aiohttp answer plain checks without the application; the fast lane, which falls back on aiohttp."""
    checks, drain_state = app[CHECKS], app[DRAIN_STATE]
    aiohttp_server.request_handler = DirectCheckHandler(
        checks.service, checks.authenticator, drain_state, settings.body_limit, aiohttp_server.request_handler
    )
    return FastLaneServer(
        FastLaneContext(
            checks.service,
            checks.batches,
            checks.authenticator,
            drain_state,
            aiohttp_server,
            settings.body_limit,
            settings.keep_alive,
            settings.body_deadline,
        )
    )


async def _load_replica(app: web.Application) -> None:
    """Wait until the replica is loaded, at most 60 s; connections queue in the backlog meanwhile.

    Without a register the process serves too, and its answers say so.
    """
    with suppress(TimeoutError):
        async with asyncio.timeout(_REPLICA_LOAD_S):
            await app[REPLICA].wait_for_load_attempt()
    # The replica stays in memory: a garbage collection that walks over all of it would block the event loop.
    gc.collect()
    gc.freeze()


def _stop_signal() -> asyncio.Event:
    """Set by SIGTERM or SIGINT."""
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    return stopping
