"""The routes, by the room they lead to."""

from aiohttp import web

from gateway.api_docs import ApiDocs
from gateway.checks.batch import BatchService
from gateway.checks.decision_service import DecisionService
from gateway.checks.fast_allow import FastAllow
from gateway.checks.handler import CheckHandler
from gateway.checks.proxy_auth import HeaderNames, ProxyAuthHandler
from gateway.checks.recorder import DecisionRecorder
from gateway.checks.service import CheckService
from gateway.container import Container
from gateway.feeds.full_list import FullListDelivery
from gateway.feeds.handlers import FeedHandlers
from gateway.feeds.operations import FeedOperationHandlers
from gateway.feeds.repair import RepairHandler
from gateway.feeds.upload_handler import UploadHandlers
from gateway.health import HealthHandlers
from gateway.platform.decisions import DecisionHandlers
from gateway.platform.events import EventStream
from gateway.platform.locks import LockHandlers
from gateway.platform.watches import WatchHandlers
from gateway.platform.webhooks import WebhookHandlers
from gateway.tickets.handler import TicketHandler
from gateway.tickets.signer import TicketSigner
from gateway.web.drain_state import DrainState
from intake.formats.loader import load_formats
from rules.repair.case import Regime
from store.feeds.quarantine import Quarantine
from store.ledger.decisions import DecisionStore
from store.ledger.feed_report import FeedReport
from store.ledger.listing_queries import ListingQueries
from store.ledger.snapshots import SnapshotStore
from store.locks.queries import LockQueries
from store.platforms.feedback import FeedbackStore
from store.platforms.outbox import EventStore
from store.platforms.watches import WatchStore
from store.platforms.webhooks import WebhookStore

_PROXIED = ("GET", "POST", "PUT", "PATCH", "DELETE")
"""Methods of the requests that a proxy asks about under their own path."""


def open_routes(common: Container, drain_state: DrainState) -> list[web.RouteDef]:
    """Health, metrics and pages."""
    health = HealthHandlers(
        common.access,
        common.reader,
        common.replica,
        common.engine,
        common.policy_store,
        common.metrics_batch,
        common.canary,
        drain_state,
    )
    pages = ApiDocs(common.access)
    return [
        web.get("/livez", health.livez),
        web.get("/readyz", health.readyz),
        web.get("/metrics", health.metrics),
        web.get("/openapi.json", pages.openapi),
        web.get("/docs", pages.docs),
        web.get("/docs/{file}", pages.static),
    ]


def check_routes(common: Container) -> tuple[CheckHandler, list[web.RouteDef]]:
    """Checks, by body, by headers and again by ticket; and the handler, for the fast lane."""
    policy_store, freshness, clock = common.policy_store, common.freshness, common.clock
    tickets, working_days = TicketSigner(common.keys), common.working_days
    recorder = DecisionRecorder(common.locks, common.replica, common.audit, common.departments, working_days)
    decision_service = DecisionService(
        common.reader, common.locks, recorder, policy_store, freshness, tickets, working_days, clock
    )
    fast_allow = FastAllow(common.replica, freshness, common.keys, policy_store, common.audit, clock)
    service = CheckService(fast_allow, decision_service, common.admission, common.metrics_batch)
    checks = CheckHandler(common.access, service, BatchService(service))
    authz = ProxyAuthHandler(common.access, service, HeaderNames.of(common.settings))
    verifier = TicketHandler(
        common.access,
        tickets,
        common.reader,
        common.keys,
        policy_store,
        common.audit,
        freshness,
        common.admission,
        clock,
    )
    return checks, [
        web.post("/v1/checks", checks.post),
        web.post("/v1/checks/batch", checks.post_batch),
        web.get("/v1/authz", authz.any),
        *(web.route(method, "/v1/authz/{path:.*}", authz.any) for method in _PROXIED),
        web.post("/v1/tickets/verify", verifier.verify),
    ]


def feed_routes(common: Container) -> list[web.RouteDef]:
    """Departments feed."""
    access, engine, clock = common.access, common.engine, common.clock
    departments, working_days, settings = common.departments, common.working_days, common.settings
    desk, table, receipts, door = common.desk, ListingQueries(engine), common.receipts, common.door
    quarantine = Quarantine(engine, common.chain)
    feeds = FeedHandlers(access, desk, receipts, door, clock)
    snapshots = FullListDelivery(desk, door, SnapshotStore(engine), quarantine)
    files = UploadHandlers(access, desk, door, snapshots, load_formats(settings.formats), settings.file_limit, clock)
    overview = FeedReport(engine, departments, working_days)
    care = FeedOperationHandlers(access, departments, overview, quarantine, table, clock)
    repairs = RepairHandler(access, table, working_days, Regime(settings.regime), common.audit, clock)
    return [
        web.post("/v1/feeds/{authority}/records", feeds.post_records),
        web.post("/v1/feeds/{authority}/files", files.post_file),
        web.get("/v1/feeds/status", care.get_status),
        web.post("/v1/feeds/{authority}/hold/release", care.release),
        web.post("/v1/feeds/{authority}/hold/discard", care.discard),
        web.get("/v1/feeds/{authority}/notices", care.get_notices),
        web.get("/v1/feeds/receipts/{receipt}", feeds.get_receipt),
        web.get("/v1/listings/{listing}/repair", repairs.get),
        web.get("/v1/schemas/{schema}", feeds.get_schema),
    ]


def platform_routes(common: Container) -> list[web.RouteDef]:
    """What follows from an answer."""
    access, engine, clock, keys = common.access, common.engine, common.clock, common.keys
    decisions = DecisionHandlers(
        access, DecisionStore(engine, common.chain), FeedbackStore(engine, common.chain), clock
    )
    watches = WatchHandlers(access, WatchStore(engine), keys, common.audit, common.admission, clock)
    hooks = WebhookHandlers(access, WebhookStore(engine), keys, common.settings.webhook_private, clock)
    stream = EventStream(access, EventStore(engine), common.hub)
    holds = LockHandlers(access, common.locks, LockQueries(engine), clock)
    return [
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
        web.get("/v1/locks", holds.get_many),
        web.get("/v1/locks/{lock}", holds.get),
        web.post("/v1/locks/{lock}/release", holds.release),
        web.post("/v1/locks/{lock}/confirm", holds.confirm),
    ]
