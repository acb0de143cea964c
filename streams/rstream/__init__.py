"""A Faust transport over Valkey Streams for the embedded mode: ``rstream://``, one worker process.

    app.send ─▶ producer ─▶ store.broker.stream_log ─▶ consumer ─▶ agents ─▶ commit ─▶ trim

The agents are the same as over Kafka. There is no consumer group: a lease has one worker at a time read
all partitions. Delivery is at least once; ``exactly_once`` is refused.
"""

from streams.rstream.transport import Transport

__all__ = ["Transport"]
