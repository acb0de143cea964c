"""Publish messages on a topic, whichever broker is configured: Kafka, or Valkey Streams in embedded mode."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from rules.faults import CreditGateError


class BrokerUnavailableError(CreditGateError):
    """The broker did not accept the messages, or it is not known whether it did. Publishing again is safe."""


class MessageTooLargeError(BrokerUnavailableError):
    """The broker accepts no message of that size; publishing it again fails again."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message to publish."""

    key: bytes | None
    value: bytes
    headers: list[tuple[str, bytes]] = field(default_factory=list)


class Publisher(Protocol):
    """Publishes messages."""

    async def start(self) -> None:
        """Connect if the broker is available; does not fail when it is not."""

    async def stop(self) -> None:
        """Close the connections."""

    async def publish(self, topic: str, messages: Sequence[Message], *, durable_within: float | None = None) -> None:
        """Append messages to the topic. Raises ``BrokerUnavailableError``.

        With ``durable_within`` (seconds) it returns only once the messages survive the loss of the broker's
        process and, where the broker can tell, of its power.
        """
