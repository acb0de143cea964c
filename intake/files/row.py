"""``Row``: one row of any kind of file, with its place."""

from collections.abc import Mapping
from typing import NamedTuple

from intake.files.cells import Cell, JsonValue
from rules.faults import InvalidRecordError

CellsByColumn = Mapping[str, Cell | JsonValue]
"""The cells of one row by the file's own column names."""


class Row(NamedTuple):
    """One row of a file, or the fault for which it cannot be read.

    ``line`` counts from 1: the line on which the row starts, the row of a sheet, or the position in a JSON array.
    ``cells`` holds cells under a header when ``in_table`` is true, else a value of JSON, which need not be an object.
    ``date_1904`` says from which calendar a workbook's serial days count; it is None where there is no workbook.
    """

    line: int
    cells: CellsByColumn | JsonValue
    fault: InvalidRecordError | None = None
    in_table: bool = False
    date_1904: bool | None = None

    def by_column(self) -> CellsByColumn:
        """The cells by column. Raises the row's own fault, or ``InvalidRecordError`` for JSON that is no object."""
        if self.fault is not None:
            raise self.fault
        if not isinstance(self.cells, dict):
            raise InvalidRecordError("record_not_object")
        return self.cells
