"""What the worker's agents and tasks work with, made from settings."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import redis.asyncio as redis_client

from config.files import load_departments, load_working_days
from config.settings import Settings
from intake.formats.change_sources import change_sources
from intake.formats.loader import load_formats
from rules.admission.validator import RecordValidator
from rules.identity.subject import SubjectKeys
from store.db.engine import connect
from store.db.hash_chain import HashChain
from store.ledger.decisions import DecisionStore
from store.ledger.expiry import Expiry
from store.ledger.feed_events import FeedEventStore
from store.ledger.listing_queries import ListingQueries
from store.ledger.listings import ListingStore
from store.locks.store import LockStore
from store.platforms.webhooks import WebhookStore
from store.register.writer import RegisterWriter
from streams.dead_letters import DeadLetterTopic
from streams.feed_agent import FeedProcessor
from streams.recovery import RegisterRecovery
from streams.validation import ChangeEventValidator, FeedRecordValidator
from streams.webhook_task import WebhookCaller


@dataclass(frozen=True, slots=True)
class WorkerServices:
    """One instance of each, shared by all agents and tasks of a worker."""

    clock: Callable[[], datetime]
    record_validator: RecordValidator
    ledger: FeedEventStore
    decisions: DecisionStore
    locks: LockStore
    recovery: RegisterRecovery
    expiry: Expiry
    webhooks: WebhookCaller

    def feed_processor(self, rejected: Any) -> FeedProcessor:  # noqa: ANN401 - a Faust topic
        """Processes feed records v1; ``rejected`` is the topic of dead letters."""
        validator = FeedRecordValidator(self.record_validator, self.clock)
        return FeedProcessor(validator, self.ledger, self.recovery, DeadLetterTopic(rejected), self.clock)

    def change_processors(self, settings: Settings, rejected: Any) -> dict[str, FeedProcessor]:  # noqa: ANN401
        """By topic: processes the change events of an authority's own database."""
        sources = change_sources(self.record_validator.departments, load_formats(settings.formats))
        return {
            source.topic: FeedProcessor(
                ChangeEventValidator(self.record_validator, self.clock, source.format, source.authority),
                self.ledger,
                self.recovery,
                DeadLetterTopic(rejected),
                self.clock,
            )
            for source in sources
        }


def build_services(settings: Settings, clock: Callable[[], datetime]) -> WorkerServices:
    """Connects when first used. Raises ``ConfigError`` or ``ValueError``."""
    engine = connect(settings.ledger_url.get_secret_value())
    redis = redis_client.from_url(settings.redis_url.get_secret_value())
    keys = SubjectKeys(settings.pepper_bytes())
    validator, chain = RecordValidator(load_departments(settings.departments), keys), HashChain(keys)
    listing_store = ListingStore(validator.listing_indexer, load_working_days(settings.holidays), chain)
    locks = LockStore(engine, redis, chain)
    return WorkerServices(
        clock=clock,
        record_validator=validator,
        ledger=FeedEventStore(engine, listing_store),
        decisions=DecisionStore(engine, chain),
        locks=locks,
        recovery=RegisterRecovery(redis, ListingQueries(engine), RegisterWriter(redis), locks),
        expiry=Expiry(engine, listing_store),
        webhooks=WebhookCaller(WebhookStore(engine), keys, settings.webhook_private, clock),
    )
