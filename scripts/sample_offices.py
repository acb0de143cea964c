"""The invented offices and their texts: the types of ``sample_texts.yaml``."""

from pathlib import Path
from typing import Any

import msgspec
import yaml
from msgspec import Struct

_TEXTS = Path(__file__).with_name("sample_texts.yaml")

Record = dict[str, Any]


class ListingGround(Struct, frozen=True, forbid_unknown_fields=True):
    """One ground for a listing, with the office's texts. ``kinds``: p for persons, o for organisations, or both."""

    category: str
    kinds: str
    facts: str
    basis: str
    born_since: int = 1958


class RecordCounts(Struct, frozen=True, forbid_unknown_fields=True):
    """Number of records of each sort. ``expired`` are black listings in addition to ``black``."""

    black: int
    penalties: int
    red: int
    expired: int
    removed: int


class Office(Struct, frozen=True, forbid_unknown_fields=True):
    """One authority of ``sample_texts.yaml``."""

    file: str
    made: RecordCounts
    persons: int
    shares: tuple[int, int]
    versions: str
    record_no: str
    documents: dict[str, str]
    trades: tuple[str, ...]
    removal: str
    black: tuple[ListingGround, ...]
    penalties: tuple[ListingGround, ...] = ()
    red: tuple[ListingGround, ...] = ()
    fixed: tuple[Record, ...] = ()


def load_offices() -> dict[str, Office]:
    """The offices by code, in the order of the file."""
    return msgspec.convert(yaml.safe_load(_TEXTS.read_bytes()), dict[str, Office])
