"""What a deployment needs before it serves: the ledger's schema, the topics, and its first clients."""

from collections.abc import Mapping

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import TopicAlreadyExistsError, for_code

from config import topics
from config.files import load_departments
from config.settings import Settings
from intake.formats.change_sources import change_sources
from intake.formats.loader import load_formats
from store.broker.kafka_publisher import MAX_MESSAGE_BYTES
from store.broker.stream_log import StreamLog
from store.db.engine import connect
from store.db.migrate import migrate
from store.platforms.clients import ClientStore, Grants


async def provision(settings: Settings, clients: Mapping[str, tuple[str, Grants]] | None = None) -> None:
    """Prepare a deployment; safe to run again. Raises what the ledger or the broker raises."""
    engine = connect(settings.ledger_url.get_secret_value())
    try:
        await migrate(engine)
        registry = ClientStore(engine)
        for name, (key, grants) in (clients or {}).items():
            await registry.add(name, grants, key, replace=True)
    finally:
        await engine.dispose()
    await declare_topics(settings)


async def declare_topics(settings: Settings) -> None:
    """Create the topics with their partition count, where they do not exist."""
    scheme, _, address = settings.broker_url.get_secret_value().partition("://")
    if scheme == "kafka":
        await _declare_on_kafka(address, settings)
        return
    log = StreamLog.connect(settings.broker_url.get_secret_value())
    try:
        for topic in _topics(settings):
            await log.declare_topic(topic, settings.partitions)
    finally:
        await log.close()


def _topics(settings: Settings) -> list[str]:
    """Our own, and those of departments' change events."""
    sources = change_sources(load_departments(settings.departments), load_formats(settings.formats))
    return [*topics.ALL, *(source.topic for source in sources)]


async def _declare_on_kafka(bootstrap: str, settings: Settings) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        large = {"max.message.bytes": str(MAX_MESSAGE_BYTES)}
        wanted = [
            NewTopic(topic, settings.partitions, settings.replication, topic_configs=large)
            for topic in _topics(settings)
        ]
        answer = await admin.create_topics(wanted)
        for _topic, code, *_ in answer.topic_errors:
            if code not in (0, TopicAlreadyExistsError.errno):
                raise for_code(code)
    finally:
        await admin.close()
