"""What more than one room of the gateway is made of."""

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
from gateway.checks.metrics_batch import MetricsBatch
from gateway.data_freshness import DataFreshness
from gateway.feeds.canary import Canary
from gateway.feeds.publish import FeedPublisher
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
    """What more than one room of the gateway needs."""

    settings: Settings
    clock: Callable[[], datetime]
    engine: AsyncEngine
    redis: "Redis"
    publisher: Publisher
    keys: SubjectKeys
    chain: HashChain
    access: Authenticator
    audit: AuditBuffer
    policy_store: PolicyStore
    departments: Departments
    working_days: WorkingDays
    replica: Replica
    replica_follower: ReplicaFollower
    reader: ReplicaReader
    locks: LockStore
    freshness: DataFreshness
    admission: AdmissionControl
    drain_state: DrainState
    gates: ConcurrencyLimits
    hub: EventHub
    metrics_batch: MetricsBatch
    desk: RecordValidator
    receipts: ReceiptStore
    door: FeedPublisher
    canary: Canary


def build_container(settings: Settings, clock: Callable[[], datetime]) -> Container:
    """Made from settings; nothing is connected yet. Raises ``ConfigError`` or ``ValueError``."""
    departments, working_days = load_departments(settings.departments), load_working_days(settings.holidays)
    keys = SubjectKeys(settings.pepper_bytes())
    redis = redis_client.from_url(settings.redis_url.get_secret_value())
    engine, chain = connect(settings.ledger_url.get_secret_value()), HashChain(keys)
    publisher = publisher_for(settings.broker_url.get_secret_value())
    access, replica = Authenticator(ClientStore(engine)), Replica()
    reader = ReplicaReader(replica, RegisterReader(redis, settings.look_up_deadline))
    desk = RecordValidator(departments, keys)
    receipts = ReceiptStore(engine, chain, FeedStatsStore(desk.departments, working_days))
    door = FeedPublisher(receipts, publisher, settings.durable_deadline, clock)
    gates, drain_state = ConcurrencyLimits(settings, access), DrainState()
    return Container(
        settings=settings,
        clock=clock,
        engine=engine,
        redis=redis,
        publisher=publisher,
        keys=keys,
        chain=chain,
        access=access,
        audit=AuditBuffer(publisher, Spool(settings.data / "spool"), DecisionStore(engine, chain).record),
        policy_store=PolicyStore(settings.policy),
        departments=departments,
        working_days=working_days,
        replica=replica,
        replica_follower=ReplicaFollower(replica, lambda: _one_connection(settings)),
        reader=reader,
        locks=LockStore(engine, redis, chain),
        freshness=DataFreshness(FeedHealth(engine, departments, working_days), clock),
        admission=AdmissionControl(RateLimiter(settings.rate_limit, settings.rate_burst), gates.checks, drain_state),
        drain_state=drain_state,
        gates=gates,
        hub=EventHub(EventStore(engine)),
        metrics_batch=MetricsBatch(),
        desk=desk,
        receipts=receipts,
        door=door,
        canary=Canary(door, desk, keys, replica, reader, settings.canary_seconds, clock),
    )


def _one_connection(settings: Settings) -> "Redis":
    """A client that fails when its connection does."""
    url = settings.redis_url.get_secret_value()
    return redis_client.from_url(url, single_connection_client=True, retry=Retry(NoBackoff(), 0))
