"""A delivery of records: one JSON object, a JSON array, or NDJSON; each record is validated by itself."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

import orjson

from gateway.web.json_body import parse_json
from gateway.web.problems import ProblemError
from gateway.web.request_body import NDJSON
from rules.admission.feed_event import FeedEvent
from rules.admission.validator import RecordValidator
from rules.faults import InvalidRecordError

_JSON = ("application/json", "application/octet-stream", "text/json")
_MAX_RECORD_NO_CHARS = 128


@dataclass(frozen=True, slots=True)
class ValidatedRecord:
    """One record of a delivery: its feed event, or why it is rejected. ``line`` is set where the source has lines."""

    index: int
    line: int | None
    record_no: str | None
    verdict: FeedEvent | InvalidRecordError

    def result(self) -> dict[str, Any]:
        """This record's entry in the receipt (``RecordResult`` of the API)."""
        document: dict[str, Any] = {"index": self.index}
        document |= {} if self.line is None else {"line": self.line}
        document |= {} if self.record_no is None else {"record_no": self.record_no}
        if isinstance(self.verdict, InvalidRecordError):
            return document | {"status": "rejected"} | self.verdict.as_dict()
        document |= {"status": "queued", "listing": self.verdict.key}
        if self.verdict.warnings:
            document["warnings"] = list(self.verdict.warnings)
        if self.verdict.dropped:
            document["dropped"] = list(self.verdict.dropped)
        return document


def validate_delivery(
    body: bytes, content_type: str, authority: str, validator: RecordValidator, *, today: date, now: int
) -> list[ValidatedRecord]:
    """Every record of the body, validated. ``now`` is in milliseconds and the version of records without one.

    Raises ``ProblemError`` for a body that cannot be read or holds no record.
    """
    records = list(_records(body, content_type))
    if not records:
        raise ProblemError("body_empty")
    return [
        _validate(index, line, value, authority, validator, today, now) for index, (line, value) in enumerate(records)
    ]


def record_no_of(record: object) -> str | None:
    """The record number that a receipt repeats; None where the record has none that could be one."""
    number = record.get("record_no") if isinstance(record, dict) else None
    return number if isinstance(number, str) and len(number) <= _MAX_RECORD_NO_CHARS else None


def _records(body: bytes, content_type: str) -> Iterator[tuple[int | None, Any]]:
    if content_type in NDJSON:
        for number, line in enumerate(body.split(b"\n"), start=1):
            if line.strip():
                yield number, _record_of_line(line)
    elif content_type in _JSON:
        value = parse_json(body)
        yield from ((None, item) for item in (value if isinstance(value, list) else [value]))
    else:
        raise ProblemError("media_type_unsupported")


def _record_of_line(line: bytes) -> Any:  # noqa: ANN401 - whatever JSON holds
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        return InvalidRecordError("json_invalid")


def _validate(
    index: int,
    line: int | None,
    value: Any,  # noqa: ANN401 - whatever JSON holds
    authority: str,
    validator: RecordValidator,
    today: date,
    now: int,
) -> ValidatedRecord:
    if isinstance(value, InvalidRecordError):
        return ValidatedRecord(index, line, None, value)
    verdict: FeedEvent | InvalidRecordError
    try:
        verdict = validator.validate(value, today=today, default_version=now, sender=authority)
    except InvalidRecordError as fault:
        verdict = fault
    return ValidatedRecord(index, line, record_no_of(value), verdict)
