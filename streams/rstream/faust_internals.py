"""Every use of Faust's private interface by this transport; ``test_rstream_transport`` fails when it changes."""

from typing import Any

from faust.assignor.client_assignment import ClientAssignment
from faust.types import TP

from store.broker.stream_entry import TopicPartition

FAUST_VERSION = "0.15.3"
"""The version these functions are written for."""


def begin_rebalance(app: Any) -> None:  # noqa: ANN401
    """Announce a rebalance; must come before partitions are revoked."""
    app.on_rebalance_start()


def assign(app: Any, partitions: set[TopicPartition], generation: int) -> None:  # noqa: ANN401
    """Assign the partitions to this worker under a new generation, as Kafka's group protocol does."""
    active: dict[str, list[int]] = {}
    for topic, number in sorted(partitions):
        active.setdefault(topic, []).append(number)
    assignor = app.assignor
    assignor._assignment = ClientAssignment(actives=active, standbys={})
    assignor._active_tps = assignor._assignment.active_tps
    assignor._standby_tps = set()
    app.consumer_generation_id = generation


def set_read_offset(consumer: Any, partition: TP, offset: int) -> None:  # noqa: ANN401
    """Make the consumer accept messages from this offset on; it drops those before its read offset."""
    consumer._read_offset[partition] = offset or None
