"""The Faust application: its settings, and agents and tasks bound to topics and services."""

from collections.abc import Awaitable, Callable
from typing import Any

import faust
import mode

from config import topics
from config.settings import Settings
from streams.batches import process_in_batches
from streams.consumed_record import ConsumedRecord
from streams.dead_letters import trim_dead_letters
from streams.decision_agent import record_decisions
from streams.expiry_task import run_expiry
from streams.retry import retry_outages
from streams.services import WorkerServices

_MAX_POLL_INTERVAL_S = 30 * 86400.0
_TRIM_INTERVAL_S = 3600.0
Process = Callable[[list[ConsumedRecord]], Awaitable[None]]


def build_app(settings: Settings) -> faust.App:
    """The Faust application with the settings under which no record is lost.

    ``stream_wait_empty``: with True a stop hangs while an agent waits for a dependency. ``broker_max_poll_interval``:
    an agent may wait longer than any interval; after it the consumer leaves the group and never joins again.
    ``env_prefix``: else variables of the environment override what is said here.
    """
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
        broker_max_poll_interval=_MAX_POLL_INTERVAL_S,
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


def bind_agents(app: faust.App, settings: Settings, services: WorkerServices) -> None:
    """Give the application an agent for each topic."""
    rejected = raw_topic(app, topics.REJECTED)
    ensure_loaded = services.recovery.ensure_loaded

    async def process_decisions(records: list[ConsumedRecord]) -> None:
        await record_decisions(records, services.decisions)

    _bind_agent(app, "feeds", topics.FEEDS, services.feed_processor(rejected).process, ensure_loaded)
    for topic, processor in services.change_processors(settings, rejected).items():
        _bind_agent(app, f"changes-{topic}", topic, processor.process, ensure_loaded)
    _bind_agent(app, "decisions", topics.DECISIONS, process_decisions)


def bind_tasks(app: faust.App, settings: Settings, services: WorkerServices) -> None:
    """Give the application what runs beside its agents: register, expiry, webhooks, dead letters."""
    recovery = services.recovery

    @app.task  # type: ignore[untyped-decorator]
    async def keep_register_loaded() -> None:
        await recovery.keep_loaded(lambda: app.flow_control.is_active() and not app.rebalancing)

    @app.task  # type: ignore[untyped-decorator]
    async def expire() -> None:
        await retry_outages("register", recovery.ensure_loaded)
        await run_expiry(services.expiry, recovery, services.locks, services.clock)

    @app.task  # type: ignore[untyped-decorator]
    async def call_webhooks() -> None:
        await services.webhooks.run()

    @app.timer(_TRIM_INTERVAL_S)  # type: ignore[untyped-decorator]
    async def bound_dead_letters() -> None:
        await trim_dead_letters(settings.broker_url.get_secret_value())


def raw_topic(app: faust.App, name: str) -> Any:  # noqa: ANN401 - Faust is untyped
    """A topic of bytes."""
    return app.topic(name, value_type=bytes, key_type=bytes, value_serializer="raw", key_serializer="raw")


def _bind_agent(
    app: faust.App,
    name: str,
    topic: str,
    process: Process,
    before: Callable[[], Awaitable[None]] | None = None,
) -> None:
    """One instance: a second one would acknowledge past unfinished events. An error ends the worker."""

    @app.agent(raw_topic(app, topic), name=name, supervisor_strategy=mode.CrashingSupervisor)  # type: ignore[untyped-decorator]
    async def consume(stream: Any) -> None:  # noqa: ANN401
        if before is not None:
            await retry_outages("register", before)
        await process_in_batches(app, stream, process)
