"""XLSX and XLS workbooks: identifiers that lost digits, dates, several sheets, damaged and renamed files."""

import io
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from openpyxl import Workbook

from intake.files.tables import FileKind, FileUnreadableError, kind_of, read_rows
from tests.unit.intake.sample_files import (
    COMPANY,
    HEADER,
    OLD_PERSON,
    ROW,
    csv_file,
    faults,
    prepared,
    saved,
    small_format,
    the_record,
    write,
    xls_file,
    xlsx_file,
)

MAKE = {"xlsx": xlsx_file, "xls": xls_file}


def row(**changes: Any) -> list[Any]:  # noqa: ANN401
    return list((dict(zip(HEADER, ROW, strict=True)) | changes).values())


@pytest.mark.parametrize("kind", MAKE)
def test_a_workbook_as_departments_make_it(kind: str, tmp_path: Path) -> None:
    """With a merged title, date cells and a footer, the workbook gives the same record as text."""
    rows = [["某某名单"], [], list(HEADER), row(日期=date(2026, 8, 12)), ["合计", 1]]
    path = write(tmp_path, f"名单.{kind}", MAKE[kind](rows))
    found = prepared(path.read_bytes(), kind_of(path.name), small_format())
    assert found == prepared(csv_file([*rows[:3], row()]), "csv", small_format())
    assert the_record(found)["determined_on"] == "2026-08-12"
    assert found[0].line == 4


@pytest.mark.parametrize("kind", MAKE)
@pytest.mark.parametrize("number", [320803199001011234, 3.208031990010113e17, 320803199001010000])
def test_a_number_that_lost_its_digits(kind: str, number: float) -> None:
    """A numeric cell keeps 15 digits: the row is refused with line and column, and the next row is read."""
    rows = prepared(MAKE[kind]([HEADER, row(号码=float(number)), row()]), kind, small_format())
    assert faults(rows) == [(2, "identifier_precision_lost", "号码")]
    assert rows[1].record is not None


def test_a_number_written_out_in_a_numeric_cell() -> None:
    """A numeric cell is refused even with all 18 digits: the next save of the file would round it."""
    rows = prepared(xlsx_file([HEADER, row(号码=320803199001011234)]), "xlsx", small_format())
    assert faults(rows) == [(2, "identifier_precision_lost", "号码")]


@pytest.mark.parametrize("kind", MAKE)
def test_fifteen_digits_are_kept(kind: str) -> None:
    """A 15-digit resident identifier fits into a numeric cell."""
    record = the_record(prepared(MAKE[kind]([HEADER, row(号码=int(OLD_PERSON))]), kind, small_format()))
    assert record["subject"]["id"] == OLD_PERSON
    assert record["subject"]["kind"] == "natural_person"


@pytest.mark.parametrize("text", ["3.20803E+17", "3.2080319900101e17", "9e17"])
def test_a_number_that_a_spreadsheet_wrote_as_text(text: str) -> None:
    """In CSV the same loss appears as scientific notation and is refused."""
    rows = prepared(csv_file([HEADER, row(号码=text)]), "csv", small_format())
    assert faults(rows) == [(2, "identifier_precision_lost", "号码")]


@pytest.mark.parametrize("mac", [False, True])
def test_serials_without_a_date_format(mac: bool) -> None:
    """A day in a cell without a date format is a serial in the calendar of its workbook."""
    serial = (date(2026, 8, 12) - (date(1904, 1, 1) if mac else date(1899, 12, 30))).days
    day = datetime(2026, 8, 12, 8, 30)  # noqa: DTZ001 - as a workbook has it
    data = xlsx_file([HEADER, row(日期=serial), row(日期=day), row(日期=20260812)], mac=mac)
    found = prepared(data, "xlsx", small_format())
    assert [item.record and item.record["determined_on"] for item in found] == ["2026-08-12"] * 3


@pytest.mark.parametrize("kind", MAKE)
def test_numbers_in_cells_of_text(kind: str) -> None:
    """A numeric document number is read without a decimal point."""
    assert the_record(prepared(MAKE[kind]([HEADER, row(文号=12.0)]), kind, small_format()))["document_no"] == "12"


def test_errors_and_formulas() -> None:
    """An error value is refused with its column; a formula without a computed value is an empty cell."""
    rows = prepared(xlsx_file([HEADER, row(事实="#REF!"), row(事实='="a"&"b"')]), "xlsx", small_format())
    assert faults(rows) == [(2, "cell_error", "事实"), (3, "column_empty", "事实")]


def book_of(*sheets: tuple[str, list[Any]], hidden: str = "") -> bytes:
    book = Workbook()
    book.remove(book.worksheets[0])
    for title, rows in sheets:
        sheet = book.create_sheet(title)
        for cells in rows:
            sheet.append(cells)
        if title == hidden:
            sheet.sheet_state = "hidden"
    return saved(book)


def test_the_sheet_that_has_the_header() -> None:
    """Sheets with instructions, hidden sheets and an empty form are skipped."""
    data = book_of(
        ("填表说明", [["请填写各列"]]),
        ("旧", [list(HEADER), row(文号="旧")]),
        ("名单", [list(HEADER), row()]),
        ("空表", [list(HEADER)]),
        hidden="旧",
    )
    assert the_record(prepared(data, "xlsx", small_format()))["document_no"] == ROW[2]


def test_two_sheets_with_records() -> None:
    """A file with records on two sheets is refused, so that no sheet is ignored silently."""
    data = book_of(("法人", [list(HEADER), row()]), ("自然人", [list(HEADER), row()]))
    with pytest.raises(FileUnreadableError) as refused:
        prepared(data, "xlsx", small_format())
    assert refused.value.code == "sheets_ambiguous"


@pytest.mark.parametrize(("real", "named"), [("xlsx", "xls"), ("xls", "xlsx")])
def test_renamed_workbooks(real: str, named: str) -> None:
    """The first bytes, not the file name, determine the type of workbook."""
    assert the_record(prepared(MAKE[real]([HEADER, ROW]), named, small_format()))["record_no"] == "(2026)苏0811执1号"


def damaged() -> bytes:
    data = xlsx_file([HEADER, *[ROW] * 400])
    out = io.BytesIO()
    with ZipFile(io.BytesIO(data)) as source, ZipFile(out, "w") as target:
        for item in source.infolist():
            content = source.read(item)
            target.writestr(item, content[: len(content) // 2] if "sheet1" in item.filename else content)
    return out.getvalue()


@pytest.mark.parametrize("data", [b"<html><table/></html>", b"PK\x03\x04broken", b"\xd0\xcf\x11\xe0" * 200, damaged()])
def test_what_is_no_workbook(data: bytes) -> None:
    """An HTML page saved as .xls, a truncated and an encrypted file are refused, whatever the library raises."""
    with pytest.raises(FileUnreadableError) as refused:
        prepared(data, "xlsx", small_format())
    assert refused.value.code == "workbook_unreadable"


def test_a_wrong_extent_cuts_nothing_off() -> None:
    """Some programs write a wrong sheet size; all rows are read."""
    data = xlsx_file([HEADER, *[ROW] * 3])
    out = io.BytesIO()
    with ZipFile(io.BytesIO(data)) as source, ZipFile(out, "w") as target:
        for item in source.infolist():
            content = source.read(item).replace(b'<dimension ref="A1:E4"', b'<dimension ref="A1:A1"')
            target.writestr(item, content)
    assert len(prepared(out.getvalue(), "xlsx", small_format())) == 3


def test_rows_know_their_calendar() -> None:
    """A row of a workbook has its calendar, and its cells may be serials."""
    (found,) = read_rows(io.BytesIO(xlsx_file([HEADER, ROW], mac=True)), FileKind.XLSX)
    assert (found.date_1904, found.in_table, found.by_column()["号码"]) == (True, True, COMPANY)
