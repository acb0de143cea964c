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
from gateway.access import Access
from gateway.audit import Audit
from gateway.canary import Canary
from gateway.doubts import Doubts
from gateway.event_stream import EventHub
from gateway.feed_door import FeedDoor
from gateway.load_gate import Gates
from gateway.policy_shelf import PolicyShelf
from gateway.rate_limits import RateLimits
from gateway.spool import Spool
from gateway.tally import Tally
from register.chain import Chain
from register.clients import ClientRegistry
from register.database import connect
from register.decisions import DecisionLog
from register.events import EventBook
from register.feed_doubts import FeedDoubts
from register.ledger import Ledger
from register.listing_book import ListingBook
from register.locks import LockBook
from register.publisher import Publisher, publisher_for
from register.register_reader import RegisterReader
from register.replica import Replica
from register.replica_reader import ReplicaReader
from rules.admission import AdmissionDesk
from rules.departments import Departments
from rules.subject import SubjectKeys
from rules.working_days import WorkingDays


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
