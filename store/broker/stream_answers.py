"""Parse the server's answers to stream commands, in RESP2 and RESP3 alike."""

from collections.abc import Sequence
from typing import Any

from redis.exceptions import ResponseError

from store.broker.stream_entry import OffsetRange, offset_of


def rows_by_stream(answer: Any) -> list[tuple[bytes, Any]]:  # noqa: ANN401
    """The answer of XREAD: a mapping in RESP3, pairs in RESP2, nothing when no entry came in time."""
    if isinstance(answer, Exception):
        raise answer
    if isinstance(answer, dict):
        return [(key, groups[0]) for key, groups in answer.items()]
    return [(key, rows) for key, rows in answer or ()]


def offset_range_of(answer: Any) -> OffsetRange:  # noqa: ANN401
    """The range in an answer of XINFO STREAM; a stream that does not exist yet is empty."""
    if isinstance(answer, ResponseError) and "no such key" in str(answer):
        return OffsetRange(0, 0)
    if isinstance(answer, Exception):
        raise answer
    end = offset_of(answer["last-generated-id"]) + 1
    first = answer["first-entry"]
    return OffsetRange(offset_of(first[0]) if first else end, end)


def appended_offsets(answers: Sequence[Any]) -> list[int]:
    """The offsets in the answers of MULTI, XADD…, EXEC.

    Raises the error that rejected the records: that of an XADD rather than that of the aborted EXEC after it.
    """
    executed = answers[-1]
    for answer in (*answers, *(executed if isinstance(executed, list) else ())):
        if isinstance(answer, Exception):
            raise answer
    return [offset_of(identifier) for identifier in executed]
