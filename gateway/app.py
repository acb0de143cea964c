"""The table of contents: routes, what they are made of, and how it starts and stops."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from datetime import datetime

import redis.asyncio as redis_client
import structlog
from aiohttp import web

from config.files import load_departments, load_policy, load_working_days
from config.settings import Settings
from gateway.access import Access
from gateway.audit import Audit
from gateway.check_handler import CheckHandler
from gateway.feed_care_handlers import FeedCareHandlers
from gateway.feed_door import FeedDoor
from gateway.feed_handlers import FeedHandlers
from gateway.file_handlers import FileHandlers
from gateway.health_handlers import HealthHandlers
from gateway.lock_handlers import LockHandlers
from gateway.pages import Pages
from gateway.problems import answer_problems
from gateway.repair_handler import RepairHandler
from gateway.snapshot_delivery import SnapshotDelivery
from intake.formats import load_formats
from register.chain import Chain
from register.clients import ClientRegistry
from register.database import connect
from register.feed_overview import FeedOverview
from register.holds import Quarantine
from register.ledger import Ledger
from register.listing_book import ListingBook
from register.listing_table import ListingTable
from register.locks import LockBook
from register.publisher import BrokerUnavailable, Publisher, publisher_for
from register.register_reader import RegisterReader
from register.snapshots import SnapshotBook
from rules.admission import AdmissionDesk
from rules.repair_case import Regime
from rules.subject import SubjectKeys

_FLUSH_DEADLINE = 5.0
_log = structlog.get_logger("gateway")


def build_app(settings: Settings, clock: Callable[[], datetime]) -> web.Application:
    """The application. Raises ``ConfigFault`` or ``ValueError`` rather than start half ready."""
    policy, departments = load_policy(settings.policy), load_departments(settings.departments)
    keys = SubjectKeys(settings.pepper_bytes())
    redis = redis_client.from_url(settings.redis_url.get_secret_value())
    engine = connect(settings.ledger_url.get_secret_value())
    publisher = publisher_for(settings.broker_url.get_secret_value())
    access, audit, chain = Access(ClientRegistry(engine)), Audit(publisher), Chain(keys)
    reader, locks = RegisterReader(redis, settings.look_up_deadline), LockBook(engine, redis, chain)
    checks = CheckHandler(access, reader, locks, audit, keys, policy, departments, clock)
    desk, working_days = AdmissionDesk(departments, keys), load_working_days(settings.holidays)
    table = ListingTable(engine)
    ledger = Ledger(engine, ListingBook(desk.cabinet, working_days, chain))
    door, quarantine = FeedDoor(ledger, publisher, settings.durable_deadline, clock), Quarantine(engine, chain)
    feeds = FeedHandlers(access, desk, ledger, door, clock)
    snapshots = SnapshotDelivery(desk, door, SnapshotBook(engine), quarantine)
    formats = load_formats(settings.formats)
    files = FileHandlers(access, desk, door, snapshots, formats, settings.file_limit, clock)
    overview = FeedOverview(engine, departments, working_days)
    care = FeedCareHandlers(access, departments, overview, quarantine, table, clock)
    repairs = RepairHandler(access, table, working_days, Regime(settings.regime), audit, clock)
    holds = LockHandlers(access, locks, clock)
    health, pages = HealthHandlers(access, reader, engine, policy), Pages(access)

    app = web.Application(middlewares=[answer_problems], client_max_size=settings.body_limit)
    app.add_routes(
        [
            web.get("/livez", health.livez),
            web.get("/readyz", health.readyz),
            web.get("/metrics", health.metrics),
            web.get("/openapi.json", pages.openapi),
            web.get("/docs", pages.docs),
            web.get("/docs/{file}", pages.static),
            web.post("/v1/checks", checks.post),
            web.post("/v1/feeds/{authority}/records", feeds.post_records),
            web.post("/v1/feeds/{authority}/files", files.post_file),
            web.get("/v1/feeds/status", care.get_status),
            web.post("/v1/feeds/{authority}/hold/release", care.release),
            web.post("/v1/feeds/{authority}/hold/discard", care.discard),
            web.get("/v1/feeds/{authority}/notices", care.get_notices),
            web.get("/v1/feeds/receipts/{receipt}", feeds.get_receipt),
            web.get("/v1/listings/{listing}/repair", repairs.get),
            web.get("/v1/schemas/{schema}", feeds.get_schema),
            web.get("/v1/locks/{lock}", holds.get),
            web.post("/v1/locks/{lock}/release", holds.release),
        ]
    )

    async def life(_app: web.Application) -> AsyncIterator[None]:
        await publisher.start()
        tasks = [
            asyncio.create_task(work, name=name)
            for name, work in (
                ("clients", access.keep_fresh()),
                ("audit", audit.keep_sending()),
                ("locks", _show_locks(locks)),
            )
        ]
        yield
        await _stop(tasks, audit, publisher)
        await redis.aclose()
        await engine.dispose()

    app.cleanup_ctx.append(life)
    return app


async def _show_locks(locks: LockBook) -> None:
    """Once Redis and the ledger answer, show every held lock: the last process may have died in between."""
    while True:
        try:
            await locks.show_all()
            return
        except Exception as error:
            _log.warning("locks_not_shown", error=type(error).__name__)
            await asyncio.sleep(1)


async def _stop(tasks: list[asyncio.Task[None]], audit: Audit, publisher: Publisher) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    with suppress(BrokerUnavailable, TimeoutError):
        async with asyncio.timeout(_FLUSH_DEADLINE):
            await audit.flush()
    await publisher.stop()
