"""From a file to feed records, row by row, in constant memory: the entrance of the package."""

from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from intake.files.cells import fold_header
from intake.files.row import Row
from intake.files.tables import FileKind, read_rows
from intake.formats.model import Format
from intake.rows.debezium import parse_change
from intake.rows.mapping import map_row
from intake.rows.record_document import RecordDocument
from rules.admission.prohibited import refuse_prohibited
from rules.faults import InvalidRecordError


class PreparedRecord(NamedTuple):
    """One record of a file, or the fault of its row. ``line`` counts from 1, as in ``Row``.

    ``dropped`` names the file's columns that the format does not read; ``notes`` holds codes of ``INTAKE_NOTES``.
    """

    line: int
    record: RecordDocument | None
    fault: InvalidRecordError | None = None
    dropped: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def prepare(file: BinaryIO, kind: FileKind, fmt: Format, authority: str) -> Iterator[PreparedRecord]:
    """The records of each row, in the file's order. A row that cannot be read is one fault; reading continues.

    Raises ``FileUnreadableError``, also in mid-file, when the rest cannot be read. ``file`` must be seekable.
    """
    columns = _DroppedColumns(fmt)
    for row in read_rows(file, kind, fmt.known_columns):
        yield from prepare_row(fmt, row, authority, columns.of(row))


def prepare_row(fmt: Format, row: Row, authority: str, dropped: tuple[str, ...] = ()) -> Iterator[PreparedRecord]:
    """The records of one row, or its fault."""
    try:
        _refuse_prohibited(row)
        records, notes = map_row(fmt, row, authority)
    except InvalidRecordError as fault:
        yield PreparedRecord(row.line, None, fault, dropped)
    else:
        for record in records:
            yield PreparedRecord(row.line, record, None, dropped, notes)


def _refuse_prohibited(row: Row) -> None:
    """Refuse data that must not be collected (办法二 Art. 14), also in a column that the format does not read."""
    try:
        refuse_prohibited(row.cells)
    except InvalidRecordError as fault:
        # The column's name may itself be such data, so the fault does not repeat its path.
        raise InvalidRecordError(fault.code, detail=fault.detail, text=fault.text) from None


class _DroppedColumns:
    """The columns of a file that its format does not read; computed again only when a row has other columns."""

    def __init__(self, fmt: Format) -> None:
        self._fmt = fmt
        self._names: tuple[str, ...] = ()
        self._dropped: tuple[str, ...] = ()

    def of(self, row: Row) -> tuple[str, ...]:
        """The row's columns that the format does not use."""
        if self._fmt.is_feed_record:
            return ()
        names = self._names_of(row)
        if names != self._names:
            self._names = names
            read = {spelling for spelling, name in self._fmt.column_names.items() if name in self._fmt.used_columns}
            self._dropped = tuple(name for name in names if fold_header(name) not in read)
        return self._dropped

    def _names_of(self, row: Row) -> tuple[str, ...]:
        cells = row.cells
        if self._fmt.envelope:
            try:
                change = parse_change(cells)
            except InvalidRecordError:
                return ()
            cells = change.row if change else None
        return tuple(cells) if isinstance(cells, dict) else ()
