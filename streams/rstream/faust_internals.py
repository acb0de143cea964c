"""Every use of Faust's internals by this transport; ``test_rstream_transport`` fails when they change."""

from typing import Any

from faust.assignor.client_assignment import ClientAssignment
from faust.types import TP

from store.broker.stream_entry import TopicPartition

FAUST_VERSION = "0.15.3"
"""The version whose internals these are."""


def begin_rebalance(app: Any) -> None:  # noqa: ANN401
    """Say that partitions are about to change; must come before they are revoked."""
    app.on_rebalance_start()


def assign(app: Any, places: set[TopicPartition], generation: int) -> None:  # noqa: ANN401
    """Do what Kafka's group protocol does: give this worker the partitions, under a new generation."""
    active: dict[str, list[int]] = {}
    for topic, partition in sorted(places):
        active.setdefault(topic, []).append(partition)
    assignor = app.assignor
    assignor._assignment = ClientAssignment(actives=active, standbys={})
    assignor._active_tps = assignor._assignment.active_tps
    assignor._standby_tps = set()
    app.consumer_generation_id = generation


def note_position(consumer: Any, place: TP, offset: int) -> None:  # noqa: ANN401
    """Have the consumer take messages from this offset on; it drops those it believes to have read."""
    consumer._read_offset[place] = offset or None
