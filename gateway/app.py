"""The table of contents: routes, what they are made of, and how it starts and stops."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from datetime import datetime

import redis.asyncio as redis_client
import structlog
from aiohttp import web
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from sqlalchemy.exc import SQLAlchemyError

from config.files import load_departments, load_working_days
from config.settings import Settings
from gateway.access import Access
from gateway.audit import Audit, Spool
from gateway.authz_handler import AuthzHandler, HeaderNames
from gateway.check_desk import CheckDesk
from gateway.check_handler import CheckHandler
from gateway.decision_handlers import DecisionHandlers
from gateway.doubts import Doubts
from gateway.event_stream import EventHub, EventStream
from gateway.feed_care_handlers import FeedCareHandlers
from gateway.feed_door import FeedDoor
from gateway.feed_handlers import FeedHandlers
from gateway.file_handlers import FileHandlers
from gateway.health_handlers import HealthHandlers
from gateway.lock_handlers import LockHandlers
from gateway.metrics import LOCKS_OVERDUE
from gateway.pages import Pages
from gateway.policy_shelf import PolicyShelf
from gateway.problems import answer_problems
from gateway.repair_handler import RepairHandler
from gateway.replica_shown import show_replica
from gateway.snapshot_delivery import SnapshotDelivery
from gateway.ticket_handler import TicketHandler
from gateway.tickets import TicketDesk
from gateway.watch_handlers import WatchHandlers
from gateway.webhook_handlers import WebhookHandlers
from intake.formats import load_formats
from register.chain import Chain
from register.clients import ClientRegistry
from register.database import connect
from register.decisions import DecisionLog
from register.events import EventBook
from register.feed_doubts import FeedDoubts
from register.feed_overview import FeedOverview
from register.feedback import FeedbackBook
from register.holds import Quarantine
from register.ledger import Ledger
from register.listing_book import ListingBook
from register.listing_table import ListingTable
from register.lock_pages import LockPages
from register.locks import LockBook
from register.publisher import BrokerUnavailable, Publisher, publisher_for
from register.register_reader import RegisterReader
from register.replica import Replica
from register.replica_reader import ReplicaReader
from register.snapshots import SnapshotBook
from register.watches import WatchBook
from register.webhooks import WebhookBook
from rules.admission import AdmissionDesk
from rules.calendar import to_milliseconds
from rules.repair_case import Regime
from rules.subject import SubjectKeys

_FLUSH_DEADLINE = 5.0
_COUNTING = 15.0
_PROXIED = ("GET", "POST", "PUT", "PATCH", "DELETE")
"""Methods of the requests that a proxy asks about under their own path."""
_log = structlog.get_logger("gateway")


def build_app(settings: Settings, clock: Callable[[], datetime]) -> web.Application:
    """The application. Raises ``ConfigFault`` or ``ValueError`` rather than start half ready."""
    shelf, departments = PolicyShelf(settings.policy), load_departments(settings.departments)
    keys = SubjectKeys(settings.pepper_bytes())
    redis = redis_client.from_url(settings.redis_url.get_secret_value())
    engine = connect(settings.ledger_url.get_secret_value())
    publisher = publisher_for(settings.broker_url.get_secret_value())
    access, audit, chain = Access(ClientRegistry(engine)), Audit(publisher, Spool(settings.data / "spool")), Chain(keys)
    replica, locks = Replica(lambda: _one_connection(settings)), LockBook(engine, redis, chain)
    reader = ReplicaReader(replica, RegisterReader(redis, settings.look_up_deadline))
    desk, working_days = AdmissionDesk(departments, keys), load_working_days(settings.holidays)
    doubts = Doubts(FeedDoubts(engine, departments, working_days), clock)
    tickets = TicketDesk(keys)
    counter = CheckDesk(reader, replica, locks, audit, keys, shelf, departments, doubts, tickets, working_days, clock)
    checks = CheckHandler(access, counter, shelf, clock)
    authz = AuthzHandler(access, counter, shelf, HeaderNames.of(settings), clock)
    verifier = TicketHandler(access, tickets, reader, keys, shelf, audit, clock)
    decisions = DecisionHandlers(access, DecisionLog(engine, chain), FeedbackBook(engine, chain), clock)
    watches = WatchHandlers(access, WatchBook(engine), keys, audit, clock)
    hooks = WebhookHandlers(access, WebhookBook(engine), keys, settings.webhook_private, clock)
    events = EventBook(engine)
    hub = EventHub(events)
    stream = EventStream(access, events, hub)
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
    lock_pages = LockPages(engine)
    holds = LockHandlers(access, locks, lock_pages, clock)
    health, pages = HealthHandlers(access, reader, replica, engine, shelf), Pages(access)

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
            web.post("/v1/checks/batch", checks.post_batch),
            web.get("/v1/authz", authz.any),
            *(web.route(method, "/v1/authz/{path:.*}", authz.any) for method in _PROXIED),
            web.post("/v1/tickets/verify", verifier.verify),
            web.get("/v1/decisions", decisions.get_overdue),
            web.get("/v1/decisions/{decision}", decisions.get),
            web.post("/v1/decisions/{decision}/feedback", decisions.post_feedback),
            web.put("/v1/watches", watches.put),
            web.get("/v1/watches", watches.get),
            web.get("/v1/events", stream.get),
            web.put("/v1/webhook", hooks.put),
            web.get("/v1/webhook", hooks.get),
            web.delete("/v1/webhook", hooks.delete),
            web.post("/v1/webhook/secret", hooks.rotate),
            web.get("/v1/webhook/deliveries", hooks.get_deliveries),
            web.post("/v1/webhook/deliveries/{event}/replay", hooks.replay),
            web.post("/v1/feeds/{authority}/records", feeds.post_records),
            web.post("/v1/feeds/{authority}/files", files.post_file),
            web.get("/v1/feeds/status", care.get_status),
            web.post("/v1/feeds/{authority}/hold/release", care.release),
            web.post("/v1/feeds/{authority}/hold/discard", care.discard),
            web.get("/v1/feeds/{authority}/notices", care.get_notices),
            web.get("/v1/feeds/receipts/{receipt}", feeds.get_receipt),
            web.get("/v1/listings/{listing}/repair", repairs.get),
            web.get("/v1/schemas/{schema}", feeds.get_schema),
            web.get("/v1/locks", holds.get_many),
            web.get("/v1/locks/{lock}", holds.get),
            web.post("/v1/locks/{lock}/release", holds.release),
            web.post("/v1/locks/{lock}/confirm", holds.confirm),
        ]
    )

    async def life(_app: web.Application) -> AsyncIterator[None]:
        await publisher.start()
        tasks = [
            asyncio.create_task(work, name=name)
            for name, work in (
                ("replica", replica.follow()),
                ("replica_shown", show_replica(replica)),
                ("clients", access.keep_fresh()),
                ("audit", audit.keep_sending()),
                ("locks", _show_locks(locks)),
                ("overdue", _count_overdue(lock_pages, clock)),
                ("policy", shelf.keep_fresh()),
                ("doubts", doubts.keep_fresh()),
                ("events", hub.keep_looking()),
            )
        ]
        with suppress(NotImplementedError, RuntimeError):
            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, shelf.reload)
        yield
        await _stop(tasks, audit, publisher)
        await redis.aclose()
        await engine.dispose()

    async def end_streams(_app: web.Application) -> None:
        await hub.close()

    app.cleanup_ctx.append(life)
    app.on_shutdown.append(end_streams)
    return app


def _one_connection(settings: Settings) -> "Redis":
    """A client that fails when its connection does."""
    url = settings.redis_url.get_secret_value()
    return redis_client.from_url(url, single_connection_client=True, retry=Retry(NoBackoff(), 0))


async def _show_locks(locks: LockBook) -> None:
    """Show every held lock once Redis and the ledger answer, and again after one that Redis did not take."""
    locks.unshown = True
    while True:
        if locks.unshown:
            try:
                await locks.show_all()
            except Exception as error:
                locks.unshown = True
                _log.warning("locks_not_shown", error=type(error).__name__)
        await asyncio.sleep(1)


async def _count_overdue(pages: LockPages, clock: Callable[[], datetime]) -> None:
    """Count held locks that nobody decided on in time, for as long as the process runs."""
    known: set[str] = set()
    while True:
        try:
            found = await pages.overdue(to_milliseconds(clock()))
        except (SQLAlchemyError, OSError) as error:
            _log.warning("locks_not_counted", error=type(error).__name__)
        else:
            for scene in known | found.keys():
                LOCKS_OVERDUE.labels(scene).set(found.get(scene, 0))
            known |= found.keys()
        await asyncio.sleep(_COUNTING)


async def _stop(tasks: list[asyncio.Task[None]], audit: Audit, publisher: Publisher) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    try:
        async with asyncio.timeout(_FLUSH_DEADLINE):
            await audit.flush()
    except (BrokerUnavailable, TimeoutError):
        audit.keep()
    await publisher.stop()
