"""How the gateway is put together, starts and stops."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from datetime import datetime

import structlog
from aiohttp import web
from sqlalchemy.exc import SQLAlchemyError

from config.settings import Settings
from gateway.background import count_overdue, keep_locks_shown, show_replica, watch_loop
from gateway.checks.handler import CheckHandler
from gateway.container import Container, build_container
from gateway.routes import check_routes, feed_routes, open_routes, platform_routes
from gateway.web.auth import Authenticator
from gateway.web.drain_state import DRAIN_STATE, count_in_hand
from gateway.web.problems import answer_problems
from gateway.web.request_body import DEADLINE
from store.locks.queries import LockQueries
from store.replica.replica import Replica

AUTHENTICATOR = web.AppKey("access", Authenticator)
CHECKS = web.AppKey("checks", CheckHandler)
REPLICA = web.AppKey("replica", Replica)
_FLUSH_DEADLINE = 5.0
_log = structlog.get_logger("gateway")
_FIRST_LOOK = 2.0


def build_app(settings: Settings, clock: Callable[[], datetime]) -> web.Application:
    """The application. Raises ``ConfigError`` or ``ValueError`` rather than start half ready."""
    common = build_container(settings, clock)
    app = web.Application(middlewares=[count_in_hand, answer_problems], client_max_size=settings.body_limit)
    app[DRAIN_STATE], app[DEADLINE] = common.drain_state, settings.body_deadline
    app[AUTHENTICATOR], app[REPLICA] = common.access, common.replica
    app.on_response_prepare.append(app[DRAIN_STATE].send_elsewhere)
    app[DRAIN_STATE].idlers.append(common.hub.close)
    app[CHECKS], routes = check_routes(common)
    routes += open_routes(common, app[DRAIN_STATE]) + feed_routes(common) + platform_routes(common)
    common.gates.add_routes(app, routes)

    async def end_streams(_app: web.Application) -> None:
        await common.hub.close()

    app.cleanup_ctx.append(lambda _app: _life(common))
    app.on_shutdown.append(end_streams)
    return app


def _end_without(task: asyncio.Task[None]) -> None:
    """A process without one of its tasks answers worse and worse, and nobody would know: it ends, and says why."""
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.critical("task_failed", task=task.get_name(), error=type(error).__name__, exc_info=error)
        os.kill(os.getpid(), signal.SIGTERM)


async def _life(common: Container) -> AsyncIterator[None]:
    await common.publisher.start()
    works = {
        "replica": common.replica_follower.run(),
        "replica_shown": show_replica(common.replica),
        "clients": common.access.keep_fresh(),
        "audit": common.audit.keep_sending(),
        "locks": keep_locks_shown(common.locks),
        "overdue": count_overdue(LockQueries(common.engine), common.clock),
        "policy": common.policy_store.keep_fresh(),
        "doubts": common.freshness.keep_fresh(),
        "tally": common.metrics_batch.keep_flushing(),
        "canary": common.canary.keep_flying(),
        "events": common.hub.keep_looking(),
        "loop": watch_loop(),
    }
    tasks = [asyncio.create_task(work, name=name) for name, work in works.items()]
    for task in tasks:
        task.add_done_callback(_end_without)
    with suppress(SQLAlchemyError, OSError, TimeoutError):
        # Before that every answer would be in doubt.
        async with asyncio.timeout(_FIRST_LOOK):
            await common.freshness.refresh()
    with suppress(NotImplementedError, RuntimeError):  # in a thread of another program, or on a system without signals
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, common.policy_store.reload)
    yield
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await common.audit.close(_FLUSH_DEADLINE)
    await common.publisher.stop()
    await common.redis.aclose()
    await common.engine.dispose()
