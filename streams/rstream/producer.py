"""The producer: what agents send, appended in order and in batches."""

import asyncio
from collections.abc import Mapping, Sequence
from time import monotonic
from typing import Any, NamedTuple

import structlog
from faust.transport.producer import Producer as FaustProducer
from faust.types import TP, RecordMetadata
from mode import Service

from register.stream_entry import Record
from register.stream_faults import is_outage
from streams.rstream.outage import FIRST_DELAY, LONGEST_DELAY

_QUEUE = 10_000
"""Records that may wait; beyond that senders wait."""
_BATCH = 500
_DELIVERY_LIMIT = 120.0
"""Seconds a batch is tried for, as Kafka's delivery.timeout.ms."""
_STOP_GRACE = 0.5
"""Seconds that stopping waits for records on their way."""
_log = structlog.get_logger("streams.rstream")

type _Metadata = asyncio.Future[Any]


class _Sending(NamedTuple):
    record: Record
    sent: "asyncio.Future[Any]"
