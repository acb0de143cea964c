"""``Format``: how a department's own columns are read; one file of ``config/formats``."""

import re
from collections.abc import Iterator
from functools import cached_property
from typing import Literal

from msgspec import Struct

from intake.files.cells import fold_header
from intake.formats.rules import RecordRules, RemovalRules, rules_with_places
from rules.faults import InvalidRecordError
from rules.records.feed_record import AuthorityCode, FeedRecord, NaturalPerson, Organisation, ValidityBasis

_NOT_IN_RECORD_PATH = re.compile(r"\[\d+\]|\.natural_person|\.organisation")
"""Parts of a rule's place that the path of the same field in a record does not have."""
_END_PLACES = {"$.valid_until": "$.ends", "$.removed_on": "$.ends"}
FEED_RECORD = "feed-record"
"""Name of the format of files that contain feed records v1."""


class Format(Struct, frozen=True, forbid_unknown_fields=True, dict=True):
    """How one department's file or stream is read.

    ``authority`` is the usual sender. ``mode`` is ``snapshot`` for full lists. ``end_kind`` says whether the format's
    end is the last day of validity or the day of removal. ``aliases`` gives other spellings of a column, ``ignored``
    the known columns that no rule reads, ``empty`` the texts that mean an empty cell.
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
        """Whether the rows are feed records v1."""
        return self.record is None

    @cached_property
    def used_columns(self) -> frozenset[str]:
        """Columns that a rule reads, by the name that the rules use."""
        return frozenset(column for _, rule in rules_with_places(self) for column in rule.columns if column[0] != "@")

    @cached_property
    def column_names(self) -> dict[str, str]:
        """Folded spelling of a column to the name that the rules use."""
        names = {fold_header(name): name for name in (*self.used_columns, *self.ignored)}
        return names | {fold_header(other): name for name, others in self.aliases.items() for other in others}

    @cached_property
    def known_columns(self) -> frozenset[str]:
        """Folded spellings of all columns, by which the header is found."""
        return _FEED_COLUMNS if self.is_feed_record else frozenset(self.column_names)

    @cached_property
    def empty_texts(self) -> frozenset[str]:
        """Folded texts that mean an empty cell."""
        return frozenset(map(fold_header, self.empty))

    @cached_property
    def _columns_by_path(self) -> dict[str, tuple[str, ...]]:
        found: dict[str, tuple[str, ...]] = {}
        for place, rule in rules_with_places(self.record):
            path = _NOT_IN_RECORD_PATH.sub("", place)
            columns = (column for column in rule.columns if column[0] != "@")
            found[path] = tuple(dict.fromkeys((*found.get(path, ()), *columns)))
        return found

    def column_at(self, path: str) -> str | None:
        """The columns from which the field at a path (``$.subject.id``) is read, joined by "/"; None without any."""
        place = _NOT_IN_RECORD_PATH.sub("", path)
        return "/".join(self._columns_by_path.get(_END_PLACES.get(place, place), ())) or None

    def in_file_terms(self, fault: InvalidRecordError) -> InvalidRecordError:
        """The fault of a record with the file's own column as its path, where the field was read from one."""
        path = self.column_at(fault.path) or fault.path
        return InvalidRecordError(fault.code, path=path, detail=fault.detail, text=fault.text)


def _feed_columns() -> Iterator[str]:
    for kind in FeedRecord.__args__:
        yield from kind.__struct_encode_fields__
    for kind in (NaturalPerson, Organisation):
        yield from (f"subject.{name}" for name in kind.__struct_encode_fields__)
    yield from (f"validity_basis.{name}" for name in ValidityBasis.__struct_encode_fields__)
    yield from ("operation", "subject.kind")


_FEED_COLUMNS = frozenset(map(fold_header, _feed_columns()))
