"""Where accepted records leave for the broker: the same for a delivery of a few and for a file of a million."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import uuid4

from config import topics
from gateway.feeds.delivery import Judged
from gateway.metrics import DELIVERED
from rules.admission.feed_event import FeedEvent
from rules.calendar import to_milliseconds
from rules.records.feed_record import feed_record_json
from store.broker.publisher import Message, Publisher
from store.ledger.receipts import ReceiptStore


class Accepted(NamedTuple):
    """The answer for some records; no receipt where none could be accepted."""

    receipt: str | None
    results: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class FeedPublisher:
    """Lets records in. ``durable_deadline`` is in seconds."""

    receipts: ReceiptStore
    publisher: Publisher
    durable_deadline: float
    clock: Callable[[], datetime]

    async def let_in(self, client: str, authority: str, judged: Sequence[Judged]) -> Accepted:
        """Put what was accepted on the topic, durably, and note a receipt for all of it.

        Raises ``BrokerUnavailableError``; sending the same again is safe.
        """
        now = to_milliseconds(self.clock())
        results = [item.result() for item in judged]
        accepted = [item for item in judged if isinstance(item.judged, FeedEvent)]
        refused = [result for result in results if result["status"] == "rejected"]
        DELIVERED.labels(authority, "queued").inc(len(accepted))
        DELIVERED.labels(authority, "rejected").inc(len(refused))
        if refused:
            await self.receipts.count_refused(authority, len(refused), now)
        if not accepted:
            return Accepted(None, results)
        receipt = f"rcp_{uuid4().hex}"
        messages = _messages(receipt, accepted, now)
        await self.publisher.publish(topics.FEEDS, messages, durable_within=self.durable_deadline)
        await self.receipts.open(receipt, authority, client, len(judged), refused, now)
        return Accepted(receipt, results)


def _messages(receipt: str, accepted: Sequence[Judged], now: int) -> list[Message]:
    messages = []
    for item in accepted:
        assert isinstance(item.judged, FeedEvent)
        headers = [
            (topics.RECEIPT_HEADER, f"{receipt}:{item.index}".encode()),
            (topics.ACCEPTED_HEADER, str(now).encode()),
        ]
        messages.append(Message(item.judged.key.encode(), feed_record_json(item.judged.record), headers))
    return messages
