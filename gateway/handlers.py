"""The second half of the composition root: every HTTP handler, made from the container, grouped as the routes are."""

from dataclasses import dataclass

from gateway.api_docs import ApiDocs
from gateway.checks.batch import BatchService
from gateway.checks.decision_service import DecisionService
from gateway.checks.fast_allow import FastAllow
from gateway.checks.http.handler import CheckHandler
from gateway.checks.http.proxy_auth import HeaderNames, ProxyAuthHandler
from gateway.checks.recorder import DecisionRecorder
from gateway.checks.service import CheckService
from gateway.container import Container
from gateway.feeds.full_list import FullListDelivery
from gateway.feeds.handlers import FeedHandlers
from gateway.feeds.operations import FeedOperationHandlers
from gateway.feeds.repair import RepairHandler
from gateway.feeds.upload_handler import UploadHandler
from gateway.health import HealthHandlers
from gateway.platform.decisions import DecisionHandlers
from gateway.platform.events import EventStreamHandler
from gateway.platform.locks import LockHandlers
from gateway.platform.watches import WatchHandlers
from gateway.platform.webhooks import WebhookHandlers
from gateway.tickets.handler import TicketHandler
from gateway.tickets.signer import TicketSigner
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


@dataclass(frozen=True, slots=True)
class CheckRoom:
    """Checks and what belongs to them."""

    checks: CheckHandler
    proxy_auth: ProxyAuthHandler
    tickets: TicketHandler


@dataclass(frozen=True, slots=True)
class FeedRoom:
    """What departments deliver, and its operation."""

    deliveries: FeedHandlers
    uploads: UploadHandler
    operations: FeedOperationHandlers
    repair: RepairHandler


@dataclass(frozen=True, slots=True)
class PlatformRoom:
    """What a platform does after a check."""

    decisions: DecisionHandlers
    watches: WatchHandlers
    webhooks: WebhookHandlers
    events: EventStreamHandler
    locks: LockHandlers


@dataclass(frozen=True, slots=True)
class Handlers:
    """All handlers of the gateway."""

    health: HealthHandlers
    docs: ApiDocs
    check: CheckRoom
    feed: FeedRoom
    platform: PlatformRoom


def build_handlers(container: Container) -> Handlers:
    """All handlers, made from the services of the container."""
    health = HealthHandlers(
        container.authenticator,
        container.reader,
        container.replica,
        container.engine,
        container.policy_store,
        container.metrics_batch,
        container.canary,
        container.drain_state,
    )
    return Handlers(
        health,
        ApiDocs(container.authenticator),
        _check_room(container),
        _feed_room(container),
        _platform_room(container),
    )


def _check_room(container: Container) -> CheckRoom:
    authenticator, admission_control = container.authenticator, container.admission_control
    policy_store, data_freshness, clock = container.policy_store, container.data_freshness, container.clock
    replica, subject_keys, audit_buffer = container.replica, container.subject_keys, container.audit_buffer
    ticket_signer = TicketSigner(subject_keys)
    recorder = DecisionRecorder(container.locks, replica, audit_buffer, container.departments, container.working_days)
    decision_service = DecisionService(
        container.reader,
        container.locks,
        recorder,
        policy_store,
        data_freshness,
        ticket_signer,
        clock,
    )
    fast_allow = FastAllow(replica, data_freshness, subject_keys, policy_store, audit_buffer, clock)
    check_service = CheckService(fast_allow, decision_service, admission_control, container.metrics_batch)
    tickets = TicketHandler(
        authenticator,
        ticket_signer,
        container.reader,
        subject_keys,
        policy_store,
        audit_buffer,
        data_freshness,
        admission_control,
        clock,
    )
    return CheckRoom(
        CheckHandler(authenticator, check_service, BatchService(check_service)),
        ProxyAuthHandler(authenticator, check_service, HeaderNames.of(container.settings)),
        tickets,
    )


def _feed_room(container: Container) -> FeedRoom:
    authenticator, engine, clock = container.authenticator, container.engine, container.clock
    settings, validator, publisher = container.settings, container.validator, container.feed_publisher
    listings, quarantine = ListingQueries(engine), Quarantine(engine, container.hash_chain)
    full_lists = FullListDelivery(validator, publisher, SnapshotStore(engine), quarantine)
    report = FeedReport(engine, container.departments, container.working_days)
    return FeedRoom(
        FeedHandlers(authenticator, validator, container.receipts, publisher, clock),
        UploadHandler(
            authenticator, validator, publisher, full_lists, container.format_store, settings.file_limit, clock
        ),
        FeedOperationHandlers(authenticator, container.departments, report, quarantine, listings, clock),
        RepairHandler(
            authenticator, listings, container.working_days, Regime(settings.regime), container.audit_buffer, clock
        ),
    )


def _platform_room(container: Container) -> PlatformRoom:
    authenticator, engine, clock = container.authenticator, container.engine, container.clock
    keys, chain = container.subject_keys, container.hash_chain
    return PlatformRoom(
        DecisionHandlers(authenticator, DecisionStore(engine, chain), FeedbackStore(engine, chain), clock),
        WatchHandlers(
            authenticator, WatchStore(engine), keys, container.audit_buffer, container.admission_control, clock
        ),
        WebhookHandlers(authenticator, WebhookStore(engine), keys, container.settings.webhook_private, clock),
        EventStreamHandler(authenticator, EventStore(engine), container.event_hub),
        LockHandlers(authenticator, container.locks, LockQueries(engine), clock),
    )
