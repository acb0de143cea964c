"""Formats: how a department's own columns are read, as data in ``config/formats/*.yaml``."""

import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct

from config.files import ConfigError
from intake.files.cells import fold_header
from intake.formats.rules import RecordRules, RemovalRules
from intake.formats.validate import places_of, problems_of
from rules.records.feed_record import AuthorityCode, FeedRecord, NaturalPerson, Organisation, ValidityBasis

_WITHIN = re.compile(r"\[\d+\]|\.natural_person|\.organisation")
_ENDS = {"$.valid_until": "$.ends", "$.removed_on": "$.ends"}
FEED_RECORD = "feed-record"
"""The format of files that hold feed records v1 already."""


class Format(Struct, frozen=True, forbid_unknown_fields=True, dict=True):
    """How one department's file or stream is read.

    ``authority`` is who usually sends it. ``aliases`` gives other spellings of a column; ``ignored`` lists
    columns that are known and of no use; ``empty`` lists what is written for nothing.
    """

    name: str
    title: str
    title_en: str
    authority: AuthorityCode | None = None
    mode: Literal["incremental", "snapshot"] = "incremental"
    envelope: Literal["debezium"] | None = None
    end_kind: Literal["valid_through", "removed_on"] | None = None
    aliases: dict[str, tuple[str, ...]] = {}
    ignored: tuple[str, ...] = ()
    empty: tuple[str, ...] = ("/", "-", "—", "——", "无", "空", "NULL", "null")
    record: RecordRules | None = None
    removal: RemovalRules | None = None

    @property
    def is_feed_record(self) -> bool:
        """Whether rows are feed records v1 already."""
        return self.record is None

    @cached_property
    def used(self) -> frozenset[str]:
        """Columns that some rule reads, by the name that the rules use."""
        return frozenset(column for _, rule in places_of(self) for column in rule.columns if column[0] != "@")

    @cached_property
    def canonical(self) -> dict[str, str]:
        """From a folded header to the name that the rules use."""
        names = {fold_header(name): name for name in (*self.used, *self.ignored)}
        return names | {fold_header(other): name for name, others in self.aliases.items() for other in others}

    @cached_property
    def known(self) -> frozenset[str]:
        """Folded names of all columns, by which a header is found."""
        return _FEED_COLUMNS if self.is_feed_record else frozenset(self.canonical)

    @cached_property
    def blanks(self) -> frozenset[str]:
        """Folded texts that stand for nothing."""
        return frozenset(map(fold_header, self.empty))

    @cached_property
    def _origins(self) -> dict[str, tuple[str, ...]]:
        found: dict[str, tuple[str, ...]] = {}
        for place, rule in places_of(self.record):
            path = _WITHIN.sub("", place)
            columns = (column for column in rule.columns if column[0] != "@")
            found[path] = tuple(dict.fromkeys((*found.get(path, ()), *columns)))
        return found

    def column_at(self, path: str) -> str | None:
        """The columns from which a place in a record (``$.subject.id``) is made; None when it is of none."""
        place = _WITHIN.sub("", path)
        return "/".join(self._origins.get(_ENDS.get(place, place), ())) or None


def load_formats(folder: Path) -> dict[str, Format]:
    """The formats in that folder by name, and ``feed-record``. Raises ``ConfigError`` with file and place."""
    formats = {FEED_RECORD: Format(FEED_RECORD, "报送记录 v1", "Feed record v1")}
    for path in sorted(folder.glob("*.yaml")):
        found = _load(path)
        if found.name != path.stem:
            raise ConfigError(f"{path}: the name must be that of the file - at `$.name`")
        formats[found.name] = found
    return formats


def _load(path: Path) -> Format:
    try:
        found = msgspec.yaml.decode(path.read_bytes(), type=Format)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    except msgspec.MsgspecError as error:
        raise ConfigError(f"{path}: {error}") from None
    if found.is_feed_record:
        raise ConfigError(f"{path}: a format file says where each field comes from - at `$.record`")
    for problem in problems_of(found):
        raise ConfigError(f"{path}: {problem}")
    return found


def _feed_columns() -> Iterator[str]:
    for kind in FeedRecord.__args__:
        yield from kind.__struct_encode_fields__
    for kind in (NaturalPerson, Organisation):
        yield from (f"subject.{name}" for name in kind.__struct_encode_fields__)
    yield from (f"validity_basis.{name}" for name in ValidityBasis.__struct_encode_fields__)
    yield from ("operation", "subject.kind")


_FEED_COLUMNS = frozenset(map(fold_header, _feed_columns()))
