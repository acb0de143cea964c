"""The topic of rejected records."""

from typing import Any

from config import topics
from rules.faults import InvalidRecordError
from store.broker.stream_log import StreamLog
from store.broker.stream_retention import Retention, trim
from streams.consumed_record import ConsumedRecord
from streams.retry import retry_outages

_RETENTION = Retention(entries=100_000, seconds=90 * 86400.0)


class DeadLetterTopic:
    """Rejected records on ``credit.feeds.rejected``: the bytes as they came, the fault in the headers."""

    def __init__(self, topic: Any) -> None:  # noqa: ANN401 - Faust is untyped here
        self._topic = topic

    async def send(self, record: ConsumedRecord, fault: InvalidRecordError) -> None:
        """Publish the record with its fault; the broker has it when this returns."""
        headers = [
            *record.headers,
            ("cg-code", fault.code.encode()),
            ("cg-path", fault.path.encode()),
            ("cg-reason", fault.text.en.encode()),
            ("cg-topic", record.topic.encode()),
            ("cg-partition", str(record.partition).encode()),
            ("cg-offset", str(record.offset).encode()),
        ]
        # Data that must not be collected is not kept as a dead letter either (办法二 Art. 14).
        value = b"" if fault.code == "data_prohibited" else record.value or b""
        await (await self._topic.send(value=value, headers=headers))


async def trim_dead_letters(broker_url: str) -> None:
    """Bound the dead letters of the embedded log; on Kafka the topic's retention does that."""
    if not broker_url.startswith("rstream://"):
        return
    log = StreamLog.connect(broker_url)
    try:
        await retry_outages("broker", trim, log, topics.REJECTED, None, _RETENTION)
    finally:
        await log.close()
