"""Drops the fields that feed record v1 does not define, before anything is stored or sent on."""

import re
from functools import cache
from typing import Any

import msgspec

from rules.records.feed_record import FeedRecord, NaturalPerson, Organisation, ResponsiblePerson, ValidityBasis

_SAFE_NAME = re.compile(r"(?!.*\d{5})[^\W\d]\w{0,63}")
_SUBJECT_TYPES = {str(kind.__struct_config__.tag): kind for kind in (NaturalPerson, Organisation)}
_RECORD_TYPES = {str(kind.__struct_config__.tag): kind for kind in FeedRecord.__args__}


def drop_unknown_fields(value: Any) -> tuple[Any, tuple[str, ...]]:  # noqa: ANN401 - whatever JSON holds
    """The record without unknown fields, and the paths of those that were dropped.

    A value that is no object, or names no known operation, is returned unchanged: validation refuses it with a more
    precise reason.
    """
    record = _RECORD_TYPES.get(str(value.get("operation"))) if isinstance(value, dict) else None
    if record is None:
        return value, ()
    dropped: list[str] = []
    kept = _kept(value, _names(record), "$", dropped)
    subject = kept.get("subject")
    if isinstance(subject, dict) and (kind := _SUBJECT_TYPES.get(str(subject.get("kind")))) is not None:
        kept["subject"] = _kept(subject, _names(kind), "$.subject", dropped)
    if isinstance(kept.get("validity_basis"), dict):
        kept["validity_basis"] = _kept(kept["validity_basis"], _names(ValidityBasis), "$.validity_basis", dropped)
    persons = kept.get("responsible_persons")
    if isinstance(persons, list):
        kept["responsible_persons"] = [
            _kept(person, _names(ResponsiblePerson), f"$.responsible_persons[{index}]", dropped)
            if isinstance(person, dict)
            else person
            for index, person in enumerate(persons)
        ]
    return kept, tuple(dropped)


def _kept(value: dict[str, Any], names: frozenset[str], path: str, dropped: list[str]) -> dict[str, Any]:
    unknown = [name for name in value if name not in names]
    if not unknown:
        return dict(value)
    # A field's name is the sender's text too and may hold an identifier: only a safe name is reported.
    dropped += [f"{path}.{name}" if _SAFE_NAME.fullmatch(name) else f"{path}.?" for name in unknown]
    return {name: item for name, item in value.items() if name in names}


@cache
def _names(kind: type[msgspec.Struct]) -> frozenset[str]:
    config = kind.__struct_config__
    tag = (config.tag_field,) if config.tag_field else ()
    return frozenset((*kind.__struct_encode_fields__, *tag))
