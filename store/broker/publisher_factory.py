"""The publisher for a broker URL."""

from store.broker.kafka_publisher import KafkaPublisher
from store.broker.publisher import Publisher
from store.broker.stream_publisher import StreamPublisher


def publisher_for(broker_url: str) -> Publisher:
    """The publisher for ``kafka://host:port[,host:port]`` or ``rstream://…``."""
    scheme, _, address = broker_url.partition("://")
    if scheme == "kafka":
        return KafkaPublisher([part.removeprefix("kafka://") for part in address.replace(";", ",").split(",")])
    return StreamPublisher(broker_url)
