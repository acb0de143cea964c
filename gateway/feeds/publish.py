"""Publishing accepted records to the broker: the same for a delivery of a few and for a file of a million."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import uuid4

from config import topics
from gateway.feeds.delivery import ValidatedRecord
from gateway.metrics import DELIVERED
from rules.admission.feed_event import FeedEvent
from rules.calendar import to_milliseconds
from rules.records.feed_record import feed_record_json
from store.broker.publisher import Message, Publisher
from store.ledger.receipts import ReceiptStore


class PublishedDelivery(NamedTuple):
    """The receipt, None where no record was accepted, and the result of each record."""

    receipt: str | None
    results: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class FeedPublisher:
    """Publishes accepted records. ``durable_deadline`` is in seconds."""

    receipts: ReceiptStore
    publisher: Publisher
    durable_deadline: float
    clock: Callable[[], datetime]

    async def publish(self, client: str, authority: str, records: Sequence[ValidatedRecord]) -> PublishedDelivery:
        """Publish the accepted records durably, then open one receipt for all records.

        Raises ``BrokerUnavailableError``; sending the same records again is safe.
        """
        now = to_milliseconds(self.clock())
        results = [record.result() for record in records]
        accepted = [record for record in records if isinstance(record.verdict, FeedEvent)]
        rejected = [result for result in results if result["status"] == "rejected"]
        DELIVERED.labels(authority, "queued").inc(len(accepted))
        DELIVERED.labels(authority, "rejected").inc(len(rejected))
        if rejected:
            await self.receipts.count_refused(authority, len(rejected), now)
        if not accepted:
            return PublishedDelivery(None, results)
        receipt = f"rcp_{uuid4().hex}"
        messages = _messages(receipt, accepted, now)
        await self.publisher.publish(topics.FEEDS, messages, durable_within=self.durable_deadline)
        await self.receipts.open(receipt, authority, client, len(records), rejected, now)
        return PublishedDelivery(receipt, results)


def _messages(receipt: str, accepted: Sequence[ValidatedRecord], now: int) -> list[Message]:
    messages = []
    for record in accepted:
        assert isinstance(record.verdict, FeedEvent)
        headers = [
            (topics.RECEIPT_HEADER, f"{receipt}:{record.index}".encode()),
            (topics.ACCEPTED_HEADER, str(now).encode()),
        ]
        messages.append(Message(record.verdict.key.encode(), feed_record_json(record.verdict.record), headers))
    return messages
