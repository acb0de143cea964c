"""Formats: how a department's own columns are read, as data in ``config/formats/*.yaml``."""

import re
from collections.abc import Iterator
from functools import cached_property
from typing import Literal

from msgspec import Struct

from intake.files.cells import fold_header
from intake.formats.rules import RecordRules, RemovalRules, places_of
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


def _feed_columns() -> Iterator[str]:
    for kind in FeedRecord.__args__:
        yield from kind.__struct_encode_fields__
    for kind in (NaturalPerson, Organisation):
        yield from (f"subject.{name}" for name in kind.__struct_encode_fields__)
    yield from (f"validity_basis.{name}" for name in ValidityBasis.__struct_encode_fields__)
    yield from ("operation", "subject.kind")


_FEED_COLUMNS = frozenset(map(fold_header, _feed_columns()))
