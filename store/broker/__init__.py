"""Publishing to Kafka or to Valkey Streams."""
