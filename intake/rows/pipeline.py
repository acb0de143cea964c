"""The whole pipe: from a file to prepared records, row by row, in constant memory."""

from collections.abc import Iterator
from typing import Any, BinaryIO, NamedTuple

from intake.files.cells import fold_header
from intake.files.tables import FileKind, Row, read_rows
from intake.formats.model import Format
from intake.rows.debezium import change_of
from intake.rows.mapping import map_noted
from rules.admission.prohibited import refuse_prohibited
from rules.faults import InvalidRecordError


class Prepared(NamedTuple):
    """One record of a file, or why there is none.

    ``dropped`` names the file's columns that the format has no use for; ``notes`` holds codes of
    ``INTAKE_NOTES``.
    """

    line: int
    record: dict[str, Any] | None
    fault: InvalidRecordError | None = None
    dropped: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def prepare(file: BinaryIO, kind: FileKind, fmt: Format, authority: str) -> Iterator[Prepared]:
    """What each row of the file says, in the file's order; a bad row is one fault and harms no other.

    Raises ``FileUnreadableError`` when the file as a whole cannot be read (on). ``file`` must be seekable.
    """
    columns = _Columns(fmt)
    for row in read_rows(file, kind, fmt.known):
        yield from prepare_row(fmt, row, authority, columns.dropped(row))


def prepare_row(fmt: Format, row: Row, authority: str, dropped: tuple[str, ...] = ()) -> Iterator[Prepared]:
    """The records of one row, or its fault."""
    try:
        _refuse_prohibited(row)
        records, notes = map_noted(fmt, row, authority)
    except InvalidRecordError as fault:
        yield Prepared(row.line, None, fault, dropped)
    else:
        for record in records:
            yield Prepared(row.line, record, None, dropped, notes)


def _refuse_prohibited(row: Row) -> None:
    """Refuse what must not be collected under any column, also under one that would be dropped (办法二 Art. 14)."""
    try:
        refuse_prohibited(row.cells)
    except InvalidRecordError as fault:
        # A column's name can itself say of somebody what must not be kept, so the place is not repeated.
        raise InvalidRecordError(fault.code, detail=fault.detail, text=fault.text) from None


class _Columns:
    """The columns of a file that go no further; they hardly ever change from row to row."""

    def __init__(self, fmt: Format) -> None:
        self._fmt = fmt
        self._names: tuple[str, ...] = ()
        self._dropped: tuple[str, ...] = ()

    def dropped(self, row: Row) -> tuple[str, ...]:
        """The row's columns that the format does not use."""
        if self._fmt.is_feed_record:
            return ()
        names = self._names_of(row)
        if names != self._names:
            self._names = names
            used = {fold_header(name) for name in self._fmt.used}
            used |= {fold_header(other) for name in self._fmt.used for other in self._fmt.aliases.get(name, ())}
            self._dropped = tuple(name for name in names if fold_header(name) not in used)
        return self._dropped

    def _names_of(self, row: Row) -> tuple[str, ...]:
        cells = row.cells
        if self._fmt.envelope:
            try:
                change = change_of(cells)
            except InvalidRecordError:
                return ()
            cells = change.row if change else None
        return tuple(cells) if isinstance(cells, dict) else ()
