"""Feed processing without Faust, on real Valkey and SQL, under a clock that a test sets."""

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


class DeadLetterList:
    """Collects dead letters in a list: these tests do not cover the broker."""

    def __init__(self) -> None:
        self.letters: list[tuple[ConsumedRecord, InvalidRecordError]] = []

    async def send(self, record: ConsumedRecord, fault: InvalidRecordError) -> None:
        self.letters.append((record, fault))


class FeedPipeline:
    """Validation, ledger, register and recovery of feed records, with their clock."""

    def __init__(self, redis: "Redis", engine: AsyncEngine, departments: Departments = DEPARTMENTS) -> None:
        self.redis, self.engine, self.now = redis, engine, NOON
        self.validator = RecordValidator(departments, KEYS)
        self.listing_store = ListingStore(self.validator.listing_indexer, WORKING_DAYS, CHAIN)
        self.ledger, self.writer = FeedEventStore(engine, self.listing_store), RegisterWriter(redis)
        self.receipts = ReceiptStore(engine, CHAIN, FeedStatsStore(departments, WORKING_DAYS))
        self.listing_queries = ListingQueries(engine)
        self.locks = LockStore(engine, redis, CHAIN)
        self.recovery = RegisterRecovery(redis, self.listing_queries, self.writer, self.locks)
        self.expiry = Expiry(engine, self.listing_store)
        self.dead_letters = DeadLetterList()
        self.processor = FeedProcessor(
            FeedRecordValidator(self.validator, lambda: self.now),
            self.ledger,
            self.recovery,
            self.dead_letters,
            lambda: self.now,
        )
        self.reader = RegisterReader(redis, 1)
        self.offset = 0

    def message(self, value: Any, receipt: str | None = None) -> ConsumedRecord:  # noqa: ANN401
        self.offset += 1
        data = value if isinstance(value, bytes | None) else orjson.dumps(value)
        headers = [(RECEIPT_HEADER, receipt.encode())] if receipt else []
        return ConsumedRecord("credit.feeds", 0, self.offset, self.now.timestamp(), None, data, headers)

    async def feed(self, *values: Any) -> None:  # noqa: ANN401
        """Process records in one batch."""
        await self.processor.process([self.message(value) for value in values])
        await self.writer.heartbeat()

    async def advance(self, **duration: float) -> None:
        """Move the clock on and run the expiry sweep."""
        self.now += timedelta(**duration)
        await self.keep_up()

    async def keep_up(self) -> None:
        """Apply releases and ends until nothing is due."""
        now = to_milliseconds(self.now)
        while True:
            pages = [await self.expiry.apply_released(now), await self.expiry.end_due(now)]
            for page in pages:
                await self.recovery.apply(page.changes)
                await self.recovery.hide_locks(page.lifted)
            if not any(pages):
                return

    async def shown(self, who: str = ORGANISATION) -> list[Listing]:
        """The listings that the register shows for an identifier."""
        number = parse_identifier(who, today=self.now.date())
        assert isinstance(number, Identifier)
        key = KEYS.subject(number.canonical)
        return (await self.reader.look_up([key])).listings[key]

    async def listed(self, who: str = ORGANISATION) -> int:
        return len(await self.shown(who))
