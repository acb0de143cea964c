"""The transport: the stream log and its options, from the broker URL."""

from dataclasses import dataclass, fields
from typing import Any, ClassVar, Self

from faust.transport import base
from yarl import URL

from store.broker.stream_log import StreamLog
from store.broker.stream_retention import Retention
from streams.rstream.consumer import Consumer
from streams.rstream.producer import Producer


@dataclass(frozen=True, slots=True)
class Options:
    """Query parameters of the broker URL, in seconds and entries per partition."""

    lease_seconds: float = 5.0
    """How long the lease of a dead worker lasts."""
    trim_seconds: float = 60.0
    """How often committed entries are trimmed."""
    keep_entries: float = 10_000
    """How many committed entries of a partition are kept."""
    keep_seconds: float = 7 * 86400.0
    """How long committed entries are kept."""

    @classmethod
    def from_url(cls, url: URL) -> Self:
        """The options in the URL. Raises ``ValueError`` for an unknown name or a value that is no number."""
        unknown = set(url.query) - {field.name for field in fields(cls)}
        if unknown:
            raise ValueError(f"unknown options of the rstream:// broker: {', '.join(sorted(unknown))}")
        return cls(**{name: float(value) for name, value in url.query.items()})

    @property
    def retention(self) -> Retention:
        """What trimming keeps."""
        return Retention(int(self.keep_entries), self.keep_seconds)


class Transport(base.Transport):  # type: ignore[misc]
    """``rstream://:password@host:port/db``, or ``rstream:///path`` for a Unix socket; one server."""

    Consumer: ClassVar[type[Consumer]] = Consumer
    Producer: ClassVar[type[Producer]] = Producer
    driver_version = "rstream 1"
    default_port = 6379

    def __init__(self, url: list[URL], app: Any, loop: Any = None) -> None:  # noqa: ANN401
        super().__init__(url, app, loop)
        if len(url) != 1:
            raise ValueError("an rstream:// broker is one server")
        self.options = Options.from_url(url[0])
        self.log = StreamLog.connect(str(url[0]))
        """Shared by consumer and producer; connects when first used."""
