"""Records of the stream log, their partition and offset, and their encoding in a stream entry."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import time
from typing import NamedTuple

import msgspec

_RECORD_FIELD = b"r"


class TopicPartition(NamedTuple):
    """One partition of a topic; equal to the tuples of the same shape that Faust and aiokafka use."""

    topic: str
    partition: int


@dataclass(frozen=True, slots=True)
class Record:
    """A record to publish. A value of None (a tombstone) and an empty one are different values.

    ``timestamp`` is seconds since 1970, kept to the millisecond, now unless given; ``partition`` follows
    from the key unless given; names in ``headers`` may repeat.
    """

    topic: str
    value: bytes | None
    key: bytes | None = None
    headers: Sequence[tuple[str, bytes]] = ()
    timestamp: float | None = None
    partition: int | None = None

    def __post_init__(self) -> None:
        """Raises ``TypeError`` for what is not bytes: it could be written but not read."""
        for content in (self.key or b"", self.value or b"", *(value for _, value in self.headers)):
            if not isinstance(content, bytes):
                raise TypeError(f"records hold bytes, not {type(content).__name__}")


class Entry(NamedTuple):
    """A record as it is read, with its offset and timestamp."""

    offset: int
    timestamp: float
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]]


class OffsetRange(NamedTuple):
    """The offset of the first entry that is still in the log, and that of the next one to be appended."""

    earliest: int
    end: int


class ReadResult(NamedTuple):
    """Entries by partition, and the run id of the server that gave them."""

    server: str
    entries: dict[TopicPartition, list[Entry]]


class _StoredRecord(msgspec.Struct, array_like=True, frozen=True):
    """The value of the entry's only field, as msgpack."""

    milliseconds: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_StoredRecord)


def fields_of(record: Record) -> tuple[bytes, bytes]:
    """The field and value of the stream entry for a record."""
    timestamp = time() if record.timestamp is None else record.timestamp
    payload = _StoredRecord(round(timestamp * 1000), record.key, record.value, record.headers)
    return _RECORD_FIELD, _encoder.encode(payload)


def entry_from_row(row: tuple[bytes, Mapping[bytes, bytes]]) -> Entry:
    """The entry in a row of XREAD or XRANGE. Raises ``msgspec.DecodeError`` for another format."""
    identifier, fields = row
    payload = _decoder.decode(fields[_RECORD_FIELD])
    headers = [(name, value) for name, value in payload.headers]
    return Entry(offset_of(identifier), payload.milliseconds / 1000, payload.key, payload.value, headers)


def stream_id(offset: int) -> str:
    """The stream id of the entry with that offset."""
    return f"0-{offset + 1}"


def offset_of(identifier: bytes) -> int:
    """The offset of the entry with that stream id."""
    return int(identifier.partition(b"-")[2]) - 1
