"""The aiohttp application of one gateway process: built, started and stopped here."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from datetime import datetime

from aiohttp import web
from sqlalchemy.exc import SQLAlchemyError

from config.settings import Settings
from gateway.background import start_background_tasks, stop_background_tasks
from gateway.checks.http.handler import CheckHandler
from gateway.container import Container, build_container
from gateway.handlers import build_handlers
from gateway.routes import route_table
from gateway.web.drain_state import DRAIN_STATE, count_in_flight
from gateway.web.problems import problem_middleware
from gateway.web.request_body import BODY_DEADLINE
from store.replica.replica import Replica

CHECKS = web.AppKey("checks", CheckHandler)
REPLICA = web.AppKey("replica", Replica)
_AUDIT_FLUSH_DEADLINE_S = 5.0
_FIRST_REFRESH_DEADLINE_S = 2.0


def build_app(settings: Settings, clock: Callable[[], datetime]) -> web.Application:
    """The application. Raises ``ConfigError`` or ``ValueError`` rather than start half configured."""
    container = build_container(settings, clock)
    handlers = build_handlers(container)
    app = web.Application(middlewares=[count_in_flight, problem_middleware], client_max_size=settings.body_limit)
    app[DRAIN_STATE], app[BODY_DEADLINE] = container.drain_state, settings.body_deadline
    app[REPLICA], app[CHECKS] = container.replica, handlers.check.checks
    container.concurrency_limits.add_routes(app, route_table(handlers))
    app.on_response_prepare.append(container.drain_state.add_headers)
    container.drain_state.stream_closers.append(container.event_hub.close)

    async def close_streams(_app: web.Application) -> None:
        await container.event_hub.close()

    app.cleanup_ctx.append(lambda _app: _run(container))
    app.on_shutdown.append(close_streams)
    return app


async def _run(container: Container) -> AsyncIterator[None]:
    await container.publisher.start()
    tasks = start_background_tasks(container)
    with suppress(SQLAlchemyError, OSError, TimeoutError):
        # Until the first refresh every answer would be indeterminate.
        async with asyncio.timeout(_FIRST_REFRESH_DEADLINE_S):
            await container.data_freshness.refresh()
    with suppress(NotImplementedError, RuntimeError):  # not in the main thread, or no signals on this system
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, _reload_files, container)
    yield
    await stop_background_tasks(tasks)
    await container.audit_buffer.close(_AUDIT_FLUSH_DEADLINE_S)
    await container.publisher.stop()
    await container.redis.aclose()
    await container.engine.dispose()


def _reload_files(container: Container) -> None:
    container.policy_store.reload()
    container.format_store.reload()
