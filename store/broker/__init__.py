"""The broker: publishing to Kafka or to Valkey Streams, and the log that stands for Kafka in embedded mode.

    gateway ─▶ Publisher ─┬─▶ KafkaPublisher ──▶ Kafka ─────────────────────────────────▶ streams (aiokafka)
                          └─▶ StreamPublisher ─▶ StreamLog ─▶ Valkey Streams ─▶ StreamLog ─▶ streams.rstream

publisher            what the gateway publishes through; kafka_publisher, stream_publisher, publisher_factory
stream_log           topics, partitions, offsets and commits over stream_client
stream_entry         records and their encoding        stream_answers    the server's answers, parsed
stream_durability    when an append is on disk         stream_retention  trimming
stream_faults        errors, and which are outages

May import rules.
"""
