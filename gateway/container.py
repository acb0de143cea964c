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
from gateway.audit.buffer import Audit
from gateway.audit.spool import Spool
from gateway.checks.metrics_batch import Tally
from gateway.data_freshness import Doubts
from gateway.feeds.canary import Canary
from gateway.feeds.publish import FeedDoor
from gateway.overload.concurrency_limit import Gates
from gateway.overload.rate_limit import RateLimits
from gateway.platform.events import EventHub
from gateway.policy_store import PolicyShelf
from gateway.web.auth import Access
from rules.admission.validator import AdmissionDesk
from rules.identity.subject import SubjectKeys
from rules.records.departments import Departments
from rules.working_days import WorkingDays
from store.broker.publisher import Publisher, publisher_for
from store.db.hash_chain import Chain
from store.db.schema import connect
from store.feeds.health import FeedDoubts
from store.ledger.decisions import DecisionLog
from store.ledger.feed_events import Ledger
from store.ledger.listings import ListingBook
from store.locks.store import LockBook
from store.platforms.clients import ClientRegistry
from store.platforms.outbox import EventBook
from store.register.reader import RegisterReader
from store.replica.reader import ReplicaReader
from store.replica.replica import Replica


@dataclass(frozen=True, slots=True)
class Common:
    """What more than one room of the gateway needs."""

    settings: Settings
    clock: Callable[[], datetime]
    engine: AsyncEngine
    redis: "Redis"
    publisher: Publisher
    keys: SubjectKeys
    chain: Chain
    access: Access
    audit: Audit
    shelf: PolicyShelf
    departments: Departments
    working_days: WorkingDays
    replica: Replica
    reader: ReplicaReader
    locks: LockBook
    doubts: Doubts
    limits: RateLimits
    gates: Gates
    hub: EventHub
    tally: Tally
    desk: AdmissionDesk
    ledger: Ledger
    door: FeedDoor
    canary: Canary


def common_parts(settings: Settings, clock: Callable[[], datetime]) -> Common:
    """Made from settings; nothing is connected yet. Raises ``ConfigFault`` or ``ValueError``."""
    departments, working_days = load_departments(settings.departments), load_working_days(settings.holidays)
    keys = SubjectKeys(settings.pepper_bytes())
    redis = redis_client.from_url(settings.redis_url.get_secret_value())
    engine, chain = connect(settings.ledger_url.get_secret_value()), Chain(keys)
    publisher = publisher_for(settings.broker_url.get_secret_value())
    access, replica = Access(ClientRegistry(engine)), Replica(lambda: _one_connection(settings))
    reader = ReplicaReader(replica, RegisterReader(redis, settings.look_up_deadline))
    desk = AdmissionDesk(departments, keys)
    ledger = Ledger(engine, ListingBook(desk.cabinet, working_days, chain))
    door = FeedDoor(ledger, publisher, settings.durable_deadline, clock)
    return Common(
        settings=settings,
        clock=clock,
        engine=engine,
        redis=redis,
        publisher=publisher,
        keys=keys,
        chain=chain,
        access=access,
        audit=Audit(publisher, Spool(settings.data / "spool"), DecisionLog(engine, chain).record),
        shelf=PolicyShelf(settings.policy),
        departments=departments,
        working_days=working_days,
        replica=replica,
        reader=reader,
        locks=LockBook(engine, redis, chain),
        doubts=Doubts(FeedDoubts(engine, departments, working_days), clock),
        limits=RateLimits(settings.rate_limit, settings.rate_burst),
        gates=Gates(settings, access),
        hub=EventHub(EventBook(engine)),
        tally=Tally(),
        desk=desk,
        ledger=ledger,
        door=door,
        canary=Canary(door, desk, keys, replica, reader, settings.canary_seconds, clock),
    )


def _one_connection(settings: Settings) -> "Redis":
    """A client that fails when its connection does."""
    url = settings.redis_url.get_secret_value()
    return redis_client.from_url(url, single_connection_client=True, retry=Retry(NoBackoff(), 0))
