"""What a department delivers: one record, a JSON array, or NDJSON, each record judged by itself."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

import orjson

from gateway.web.problems import ProblemError
from gateway.web.request_body import NDJSON
from rules.admission.feed_event import FeedEvent
from rules.admission.validator import RecordValidator
from rules.faults import InvalidRecordError

_JSON = ("application/json", "application/octet-stream", "text/json")


@dataclass(frozen=True, slots=True)
class Judged:
    """One record of a delivery: its claim, or why it was refused."""

    index: int
    line: int | None
    record_no: str | None
    judged: FeedEvent | InvalidRecordError

    def result(self) -> dict[str, Any]:
        """This record's line in the receipt."""
        document: dict[str, Any] = {"index": self.index}
        document |= {} if self.line is None else {"line": self.line}
        document |= {} if self.record_no is None else {"record_no": self.record_no}
        if isinstance(self.judged, InvalidRecordError):
            return document | {"status": "rejected"} | self.judged.as_dict()
        document |= {"status": "queued", "listing": self.judged.key}
        if self.judged.warnings:
            document["warnings"] = list(self.judged.warnings)
        if self.judged.dropped:
            document["dropped"] = list(self.judged.dropped)
        return document


def judge_delivery(
    body: bytes, content_type: str, authority: str, desk: RecordValidator, *, today: date, now: int
) -> list[Judged]:
    """Every record of the body with its verdict at the door. Raises ``ProblemError`` for an unreadable body."""
    records = list(_records(body, content_type))
    if not records:
        raise ProblemError("body_empty")
    return [_judge(index, line, value, authority, desk, today, now) for index, (line, value) in enumerate(records)]


def _records(body: bytes, content_type: str) -> Iterator[tuple[int | None, Any]]:
    if content_type in NDJSON:
        for number, line in enumerate(body.split(b"\n"), start=1):
            if line.strip():
                yield number, _line(line)
    elif content_type in _JSON:
        try:
            value = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise ProblemError("json_invalid", f"line {error.lineno}, column {error.colno}") from None
        yield from ((None, item) for item in (value if isinstance(value, list) else [value]))
    else:
        raise ProblemError("media_type_unsupported")


def _line(line: bytes) -> Any:  # noqa: ANN401
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        return InvalidRecordError("json_invalid")


def _judge(
    index: int,
    line: int | None,
    value: Any,  # noqa: ANN401
    authority: str,
    desk: RecordValidator,
    today: date,
    now: int,
) -> Judged:
    if isinstance(value, InvalidRecordError):
        return Judged(index, line, None, value)
    number = value.get("record_no") if isinstance(value, dict) else None
    number = number if isinstance(number, str) and len(number) <= 128 else None
    try:
        return Judged(index, line, number, desk.validate(value, today=today, default_version=now, sender=authority))
    except InvalidRecordError as fault:
        return Judged(index, line, number, fault)
