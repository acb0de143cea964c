"""What the server's answers to the stream log's commands mean, in RESP2 and RESP3 alike."""

from collections.abc import Sequence
from typing import Any

from redis.exceptions import ResponseError

from store.broker.stream_entry import Extent, offset_of


def rows_by_stream(answer: Any) -> list[tuple[bytes, Any]]:  # noqa: ANN401
    """The answer of XREAD: a mapping in RESP3, pairs in RESP2, nothing when the wait was in vain."""
    if isinstance(answer, Exception):
        raise answer
    if isinstance(answer, dict):
        return [(key, groups[0]) for key, groups in answer.items()]
    return [(key, rows) for key, rows in answer or ()]


def extent_of(answer: Any) -> Extent:  # noqa: ANN401
    """The extent in an answer of XINFO STREAM; a stream that does not exist yet is empty."""
    if isinstance(answer, ResponseError) and "no such key" in str(answer):
        return Extent(0, 0)
    if isinstance(answer, Exception):
        raise answer
    end = offset_of(answer["last-generated-id"]) + 1
    first = answer["first-entry"]
    return Extent(offset_of(first[0]) if first else end, end)


def appended(answers: Sequence[Any]) -> list[int]:
    """The offsets in the answers of MULTI, XADD…, EXEC.

    Raises what kept the records out; a refused XADD tells it better than the aborted EXEC after it.
    """
    executed = answers[-1]
    for answer in (*answers, *(executed if isinstance(executed, list) else ())):
        if isinstance(answer, Exception):
            raise answer
    return [offset_of(identifier) for identifier in executed]
