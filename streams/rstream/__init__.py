"""A Faust transport over Valkey Streams for embedded mode: ``rstream://``, one worker process.

    app.send ─▶ producer ─▶ store.broker.stream_log ─▶ consumer ─▶ agents ─▶ commit ─▶ trim

The agents are the same as over Kafka. There is no consumer group: the worker that holds the lease reads all
partitions. Delivery is at least once; ``exactly_once`` is refused.

transport  options from the URL        producer   a queue, appended in batches
consumer   reads while it holds the lease, commits; log_queries answers Faust's questions about topics and offsets
lease, positions, outage, faust_internals

May import store.broker.
"""

from streams.rstream.transport import Transport

__all__ = ["Transport"]
