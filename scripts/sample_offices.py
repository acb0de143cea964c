"""The invented offices and their texts, as ``sample_texts.yaml`` has them."""

from pathlib import Path
from typing import Any

import msgspec
import yaml
from msgspec import Struct

_TEXTS = Path(__file__).with_name("sample_texts.yaml")

Record = dict[str, Any]


class Ground(Struct, frozen=True, forbid_unknown_fields=True):
    """One thing that an office puts on a list, in its own words."""

    category: str
    kinds: str
    facts: str
    basis: str
    born_since: int = 1958


class Made(Struct, frozen=True, forbid_unknown_fields=True):
    """How many records of each sort; the expired ones are black and come on top."""

    black: int
    penalties: int
    red: int
    expired: int
    removed: int


class Office(Struct, frozen=True, forbid_unknown_fields=True):
    """One authority of ``sample_texts.yaml``."""

    file: str
    made: Made
    persons: int
    shares: tuple[int, int]
    versions: str
    record_no: str
    documents: dict[str, str]
    trades: tuple[str, ...]
    removal: str
    black: tuple[Ground, ...]
    penalties: tuple[Ground, ...] = ()
    red: tuple[Ground, ...] = ()
    fixed: tuple[Record, ...] = ()


def load_offices() -> dict[str, Office]:
    """The offices by their codes, in the order of the file."""
    return msgspec.convert(yaml.safe_load(_TEXTS.read_bytes()), dict[str, Office])
