"""The feed road without Faust, on real Valkey and SQL, under a clock that a test can set."""

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from redis.asyncio import Redis
from sqlalchemy.ext.asyncio import AsyncEngine

from config.topics import RECEIPT_HEADER
from rules.admission.validator import RecordValidator
from rules.calendar import to_milliseconds
from rules.faults import InvalidRecordError
from rules.identity.identifiers import Identifier, parse_identifier
from rules.listings.listing import Listing
from rules.records.departments import Departments
from store.db.hash_chain import HashChain
from store.feeds.stats import FeedStatsStore
from store.ledger.expiry import Expiry
from store.ledger.feed_events import FeedEventStore
from store.ledger.listing_queries import ListingQueries
from store.ledger.listings import ListingStore
from store.ledger.receipts import ReceiptStore
from store.locks.store import LockStore
from store.register.reader import RegisterReader
from store.register.writer import RegisterWriter
from streams.consumed_record import ConsumedRecord
from streams.feed_agent import FeedProcessor
from streams.recovery import RegisterRecovery
from streams.validation import FeedRecordValidator
from tests.unit.records import ORGANISATION
from tests.unit.validator import DEPARTMENTS, KEYS, WORKING_DAYS

NOON = datetime(2026, 11, 23, 4, tzinfo=UTC)
CHAIN = HashChain(KEYS)


class Kept:
    """Dead letters kept in a list: the broker is not what these tests are about."""

    def __init__(self) -> None:
        self.letters: list[tuple[ConsumedRecord, InvalidRecordError]] = []

    async def send(self, record: ConsumedRecord, fault: InvalidRecordError) -> None:
        self.letters.append((record, fault))


class Road:
    """A feed road, its clock, and what the register shows."""

    def __init__(self, redis: "Redis", engine: AsyncEngine, departments: Departments = DEPARTMENTS) -> None:
        self.redis, self.engine, self.now = redis, engine, NOON
        self.desk = RecordValidator(departments, KEYS)
        self.book = ListingStore(self.desk.listing_indexer, WORKING_DAYS, CHAIN)
        self.ledger, self.writer = FeedEventStore(engine, self.book), RegisterWriter(redis)
        self.receipts = ReceiptStore(engine, CHAIN, FeedStatsStore(departments, WORKING_DAYS))
        self.table = ListingQueries(engine)
        self.locks = LockStore(engine, redis, CHAIN)
        self.recovery = RegisterRecovery(redis, self.table, self.writer, self.locks)
        self.upkeep = Expiry(engine, self.book)
        self.dead = Kept()
        self.road = FeedProcessor(
            FeedRecordValidator(self.desk, lambda: self.now), self.ledger, self.recovery, self.dead, lambda: self.now
        )
        self.reader = RegisterReader(redis, 1)
        self.offset = 0

    def message(self, value: Any, receipt: str | None = None) -> ConsumedRecord:  # noqa: ANN401
        self.offset += 1
        data = value if isinstance(value, bytes | None) else orjson.dumps(value)
        headers = [(RECEIPT_HEADER, receipt.encode())] if receipt else []
        return ConsumedRecord("credit.feeds", 0, self.offset, self.now.timestamp(), None, data, headers)

    async def feed(self, *values: Any) -> None:  # noqa: ANN401
        """Carry records in one batch."""
        await self.road.process([self.message(value) for value in values])
        await self.writer.heartbeat()

    async def advance(self, **duration: float) -> None:
        """Move the clock on, and let upkeep do what is due."""
        self.now += timedelta(**duration)
        await self.keep_up()

    async def keep_up(self) -> None:
        """Releases and ends, until nothing is due."""
        now = to_milliseconds(self.now)
        while True:
            pages = [await self.upkeep.apply_released(now), await self.upkeep.end_due(now)]
            for page in pages:
                await self.recovery.apply(page.changes)
                await self.recovery.hide_locks(page.lifted)
            if not any(pages):
                return

    async def shown(self, who: str = ORGANISATION) -> list[Listing]:
        """What the register shows under a number."""
        number = parse_identifier(who, today=self.now.date())
        assert isinstance(number, Identifier)
        key = KEYS.subject(number.canonical)
        return (await self.reader.look_up([key])).listings[key]

    async def listed(self, who: str = ORGANISATION) -> int:
        return len(await self.shown(who))
