"""The composition root: every service that lives as long as the process, made once from the settings."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import redis.asyncio as redis_client
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from sqlalchemy.ext.asyncio import AsyncEngine

from config.files import load_departments, load_working_days
from config.settings import Settings
from gateway.audit.buffer import AuditBuffer
from gateway.audit.spool import Spool
from gateway.data_freshness import DataFreshness
from gateway.feeds.canary import Canary
from gateway.feeds.format_store import FormatStore
from gateway.feeds.publish import FeedPublisher
from gateway.metrics_batch import MetricsBatch
from gateway.overload.admission_control import AdmissionControl
from gateway.overload.concurrency_limit import ConcurrencyLimits
from gateway.overload.rate_limit import RateLimiter
from gateway.platform.events import EventHub
from gateway.policy_store import PolicyStore
from gateway.web.auth import Authenticator
from gateway.web.drain_state import DrainState
from rules.admission.validator import RecordValidator
from rules.identity.subject import SubjectKeys
from rules.records.departments import Departments
from rules.working_days import WorkingDays
from store.broker.publisher import Publisher
from store.broker.publisher_factory import publisher_for
from store.db.engine import connect
from store.db.hash_chain import HashChain
from store.feeds.health import FeedHealth
from store.feeds.stats import FeedStatsStore
from store.ledger.decisions import DecisionStore
from store.ledger.receipts import ReceiptStore
from store.locks.store import LockStore
from store.platforms.clients import ClientStore
from store.platforms.outbox import EventStore
from store.register.reader import RegisterReader
from store.replica.follower import ReplicaFollower
from store.replica.reader import ReplicaReader
from store.replica.replica import Replica


@dataclass(frozen=True, slots=True)
class Container:
    """Services that several handlers or background tasks share."""

    settings: Settings
    clock: Callable[[], datetime]
    engine: AsyncEngine
    redis: "Redis"
    publisher: Publisher
    subject_keys: SubjectKeys
    hash_chain: HashChain
    departments: Departments
    working_days: WorkingDays
    authenticator: Authenticator
    drain_state: DrainState
    concurrency_limits: ConcurrencyLimits
    admission_control: AdmissionControl
    audit_buffer: AuditBuffer
    policy_store: PolicyStore
    format_store: FormatStore
    data_freshness: DataFreshness
    metrics_batch: MetricsBatch
    replica: Replica
    replica_follower: ReplicaFollower
    reader: ReplicaReader
    locks: LockStore
    receipts: ReceiptStore
    validator: RecordValidator
    feed_publisher: FeedPublisher
    canary: Canary
    event_hub: EventHub


def build_container(settings: Settings, clock: Callable[[], datetime]) -> Container:
    """Services made from settings; nothing is connected yet. Raises ``ConfigError`` or ``ValueError``."""
    departments, working_days = load_departments(settings.departments), load_working_days(settings.holidays)
    subject_keys = SubjectKeys(settings.pepper_bytes())
    redis = redis_client.from_url(settings.redis_url.get_secret_value())
    engine, hash_chain = connect(settings.ledger_url.get_secret_value()), HashChain(subject_keys)
    publisher = publisher_for(settings.broker_url.get_secret_value())
    authenticator, replica = Authenticator(ClientStore(engine)), Replica()
    reader = ReplicaReader(replica, RegisterReader(redis, settings.look_up_deadline))
    validator = RecordValidator(departments, subject_keys)
    receipts = ReceiptStore(engine, hash_chain, FeedStatsStore(departments, working_days))
    feed_publisher = FeedPublisher(receipts, publisher, settings.durable_deadline, clock)
    drain_state, rate_limiter = DrainState(), RateLimiter(settings.rate_limit, settings.rate_burst)
    concurrency_limits = ConcurrencyLimits(settings, authenticator)
    return Container(
        settings=settings,
        clock=clock,
        engine=engine,
        redis=redis,
        publisher=publisher,
        subject_keys=subject_keys,
        hash_chain=hash_chain,
        departments=departments,
        working_days=working_days,
        authenticator=authenticator,
        drain_state=drain_state,
        concurrency_limits=concurrency_limits,
        admission_control=AdmissionControl(rate_limiter, concurrency_limits.checks, drain_state),
        audit_buffer=AuditBuffer(publisher, Spool(settings.data / "spool"), DecisionStore(engine, hash_chain).record),
        policy_store=PolicyStore(settings.policy),
        format_store=FormatStore(settings.formats),
        data_freshness=DataFreshness(FeedHealth(engine, departments, working_days), clock),
        metrics_batch=MetricsBatch(),
        replica=replica,
        replica_follower=ReplicaFollower(replica, lambda: _single_connection(settings)),
        reader=reader,
        locks=LockStore(engine, redis, hash_chain),
        receipts=receipts,
        validator=validator,
        feed_publisher=feed_publisher,
        canary=Canary(feed_publisher, validator, subject_keys, replica, reader, settings.canary_seconds, clock),
        event_hub=EventHub(EventStore(engine)),
    )


def _single_connection(settings: Settings) -> "Redis":
    """A Redis client that raises when its one connection fails, without retries: the replica handles that itself."""
    url = settings.redis_url.get_secret_value()
    return redis_client.from_url(url, single_connection_client=True, retry=Retry(NoBackoff(), 0))
