"""The Faust application: topics and agents bound to what they do. Wiring only."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import faust
import mode
import redis.asyncio as redis_client

from config import topics
from config.files import load_departments, load_working_days
from config.settings import Settings
from intake.formats.change_sources import change_sources
from intake.formats.loader import load_formats
from rules.admission.validator import RecordValidator
from rules.faults import InvalidRecordError
from rules.identity.subject import SubjectKeys
from store.broker.stream_log import StreamLog
from store.broker.stream_retention import Retention, trim
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
from streams.batches import in_batches
from streams.decision_agent import carry_decisions
from streams.delivered import Delivered
from streams.feed_agent import FeedProcessor
from streams.judging import ChangeJudge, RecordJudge
from streams.recovery import Recovery
from streams.retry import until_done
from streams.upkeep_task import keep_up_with_the_clock
from streams.webhook_task import WebhookCaller

_THIRTY_DAYS = 30 * 86400.0
_DEAD_LETTERS = Retention(entries=100_000, seconds=90 * 86400.0)


class DeadLetterTopic:
    """Rejected records on ``credit.feeds.rejected``: the bytes as they came, the fault in the headers."""

    def __init__(self, topic: Any) -> None:  # noqa: ANN401 - Faust is untyped here
        self._topic = topic

    async def send(self, record: Delivered, fault: InvalidRecordError) -> None:
        """Keep the record with its fault; the broker holds it when this returns."""
        headers = [
            *record.headers,
            ("cg-code", fault.code.encode()),
            ("cg-path", fault.path.encode()),
            ("cg-reason", fault.text.en.encode()),
            ("cg-topic", record.topic.encode()),
            ("cg-partition", str(record.partition).encode()),
            ("cg-offset", str(record.offset).encode()),
        ]
        # What may never be kept is not kept here either (办法二 Art. 14).
        value = b"" if fault.code == "data_prohibited" else record.value or b""
        await (await self._topic.send(value=value, headers=headers))


def build_app(settings: Settings) -> faust.App:
    """The Faust application with the settings that lose nothing (see the README of this folder)."""
    return faust.App(
        "creditgate",
        env_prefix="CREDITGATE_FAUST_",
        broker=settings.broker_url.get_secret_value(),
        datadir=str(settings.data / "faust"),
        value_serializer="raw",
        key_serializer="raw",
        web_enabled=False,
        worker_redirect_stdouts=False,
        consumer_auto_offset_reset="earliest",
        stream_wait_empty=False,
        broker_max_poll_interval=_THIRTY_DAYS,
        broker_max_poll_records=500,
        broker_commit_interval=1.0,
        broker_session_timeout=15.0,
        broker_heartbeat_interval=3.0,
        broker_rebalance_timeout=30.0,
        table_standby_replicas=0,
        topic_partitions=settings.partitions,
        topic_replication_factor=settings.replication,
        topic_allow_declare=False,
        topic_disable_leader=True,
    )


def bind_agents(app: faust.App, settings: Settings, clock: Callable[[], datetime]) -> None:
    """Give the application its agents, one for each topic, and the guard of the register."""
    engine = connect(settings.ledger_url.get_secret_value())
    redis = redis_client.from_url(settings.redis_url.get_secret_value())
    keys = SubjectKeys(settings.pepper_bytes())
    desk, chain = RecordValidator(load_departments(settings.departments), keys), HashChain(keys)
    book = ListingStore(desk.listing_indexer, load_working_days(settings.holidays), chain)
    decisions, locks = DecisionStore(engine, chain), LockStore(engine, redis, chain)
    recovery = Recovery(redis, ListingQueries(engine), RegisterWriter(redis), locks)
    upkeep = Expiry(engine, book)
    feeds, rejected, decided = (
        app.topic(name, value_type=bytes, key_type=bytes, value_serializer="raw", key_serializer="raw")
        for name in (topics.FEEDS, topics.REJECTED, topics.DECISIONS)
    )
    ledger, dead_letters = FeedEventStore(engine, book), DeadLetterTopic(rejected)
    road = FeedProcessor(RecordJudge(desk, clock), ledger, recovery, dead_letters, clock)

    # One instance each: more would acknowledge past unfinished events.
    @app.agent(feeds, name="feeds", supervisor_strategy=mode.CrashingSupervisor)  # type: ignore[untyped-decorator]
    async def carry_feeds(stream: Any) -> None:  # noqa: ANN401
        await until_done(recovery.make_whole, "register")
        await in_batches(app, stream, road.carry)

    for source in change_sources(desk.departments, load_formats(settings.formats)):
        judge = ChangeJudge(desk, clock, source.format, source.authority)
        _bind_changes(app, source.topic, FeedProcessor(judge, ledger, recovery, dead_letters, clock))

    @app.agent(decided, name="decisions", supervisor_strategy=mode.CrashingSupervisor)  # type: ignore[untyped-decorator]
    async def keep_decisions(stream: Any) -> None:  # noqa: ANN401
        await in_batches(app, stream, lambda records: carry_decisions(records, decisions))

    @app.task  # type: ignore[untyped-decorator]
    async def guard_register() -> None:
        await recovery.guard(lambda: app.flow_control.is_active() and not app.rebalancing)

    @app.task  # type: ignore[untyped-decorator]
    async def keep_up() -> None:
        await until_done(recovery.make_whole, "register")
        await keep_up_with_the_clock(upkeep, recovery, locks, clock)

    @app.task  # type: ignore[untyped-decorator]
    async def call_webhooks() -> None:
        await WebhookCaller(WebhookStore(engine), keys, settings.webhook_private, clock).keep_calling()

    @app.timer(3600.0)  # type: ignore[untyped-decorator]
    async def bound_dead_letters() -> None:
        await trim_dead_letters(settings.broker_url.get_secret_value())


def _bind_changes(app: faust.App, topic: str, road: FeedProcessor) -> None:
    changes = app.topic(topic, value_type=bytes, key_type=bytes, value_serializer="raw", key_serializer="raw")

    @app.agent(changes, name=f"changes-{topic}", supervisor_strategy=mode.CrashingSupervisor)  # type: ignore[untyped-decorator]
    async def carry_changes(stream: Any) -> None:  # noqa: ANN401
        await until_done(road.recovery.make_whole, "register")
        await in_batches(app, stream, road.carry)


async def trim_dead_letters(broker_url: str) -> None:
    """Keep the dead letters of the embedded log bounded; on Kafka that is the topic's retention."""
    if not broker_url.startswith("rstream://"):
        return
    log = StreamLog.connect(broker_url)
    try:
        await until_done(lambda: trim(log, topics.REJECTED, None, _DEAD_LETTERS), "broker")
    finally:
        await log.close()
