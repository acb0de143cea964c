"""Messages of the topic ``credit.decisions``: as many decisions in one as its limits allow."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from sqlalchemy.exc import SQLAlchemyError

from config import topics
from store.broker.publisher import Message, MessageTooLargeError, Publisher
from store.ledger.decisions import DecisionEntry, encode_entries

MESSAGE_ENTRIES = 500
MESSAGE_BYTES = 400_000
"""Of one message: below the limits of brokers."""


@dataclass(frozen=True, slots=True)
class DecisionPublisher:
    """Publishes decisions. ``record`` writes a decision that no message can hold into the ledger itself."""

    publisher: Publisher
    record: Callable[[Sequence[DecisionEntry]], Awaitable[None]]

    async def publish(self, batch: Sequence[DecisionEntry]) -> None:
        """Publish in as many messages as needed. Raises ``BrokerUnavailableError``, ``MessageTooLargeError``."""
        message = encode_entries(batch)
        if len(message) <= MESSAGE_BYTES or len(batch) == 1:
            try:
                await self.publisher.publish(topics.DECISIONS, [Message(None, message)])
                return
            except MessageTooLargeError:
                if len(batch) == 1:
                    await self._record_in_ledger(batch)
                    return
        half = len(batch) // 2
        await self.publish(batch[:half])
        await self.publish(batch[half:])

    async def _record_in_ledger(self, batch: Sequence[DecisionEntry]) -> None:
        try:
            await self.record(batch)
        except (SQLAlchemyError, OSError) as error:
            raise MessageTooLargeError(type(error).__name__) from error
