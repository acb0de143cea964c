"""Files and formats for the tests of intake: invented people and companies, fictitious valid identifiers."""

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import orjson
import xlwt
from openpyxl import Workbook
from openpyxl.utils.datetime import CALENDAR_MAC_1904

from config.files import load_departments
from config.settings import Settings
from intake.files.tables import FileKind
from intake.formats.loader import load_formats
from intake.formats.model import Format
from intake.rows.pipeline import PreparedRecord, prepare
from rules.admission.feed_event import FeedEvent
from rules.admission.validator import RecordValidator
from rules.identity.subject import SubjectKeys

FORMATS = load_formats(Settings().formats)
TODAY = date(2026, 11, 23)
VALIDATOR = RecordValidator(load_departments(Settings().departments), SubjectKeys(b"i" * 16))

COMPANY, SHOP, COOPERATIVE = "91320800MA1TE5T0XK", "92320803MA1TE5T18U", "N2320831MF0TE5T30D"
PERSON, OLD_PERSON = "32082919880315006X", "320821650101001"
MASKED = "3208291988****006X"


def csv_file(rows: Iterable[Sequence[Any]], *, delimiter: str = ",", encoding: str = "utf-8") -> bytes:
    """Delimited text of these rows."""
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter, lineterminator="\n").writerows(rows)
    return text.getvalue().encode(encoding)


def xlsx_file(rows: Iterable[Sequence[Any]], *, mac: bool = False, title: str = "Sheet") -> bytes:
    """An XLSX workbook with one sheet of these rows; ``mac`` counts days from 1904."""
    book = Workbook()
    if mac:
        book.epoch = CALENDAR_MAC_1904
    sheet = book.worksheets[0]
    sheet.title = title
    for row in rows:
        sheet.append(list(row))
    return saved(book)


def saved(book: Workbook) -> bytes:
    """The bytes of a workbook."""
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def xls_file(rows: Iterable[Sequence[Any]]) -> bytes:
    """An XLS workbook with one sheet of these rows."""
    book = xlwt.Workbook()
    sheet = book.add_sheet("Sheet")
    days = xlwt.easyxf(num_format_str="YYYY-MM-DD")
    for y, row in enumerate(rows):
        for x, cell in enumerate(row):
            sheet.write(y, x, cell, days) if isinstance(cell, date) else sheet.write(y, x, cell)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def ndjson_file(values: Iterable[Any]) -> bytes:
    """One JSON value per line."""
    return b"\n".join(map(orjson.dumps, values))


def prepared(data: bytes, kind: str, fmt: Format | str, authority: str = "court") -> list[PreparedRecord]:
    """Every record and fault of a file."""
    found = FORMATS[fmt] if isinstance(fmt, str) else fmt
    return list(prepare(io.BytesIO(data), FileKind(kind), found, authority))


def the_record(rows: list[PreparedRecord]) -> dict[str, Any]:
    """The one record of a file."""
    assert [row.fault for row in rows] == [None]
    (row,) = rows
    assert row.record is not None
    return row.record


def faults(rows: list[PreparedRecord]) -> list[tuple[int, str, str]]:
    """Line, code and place of each refused row."""
    return [(row.line, row.fault.code, row.fault.path) for row in rows if row.fault]


def admitted(record: dict[str, Any] | None, authority: str) -> FeedEvent:
    """The feed event that the gateway would make of the record today."""
    return VALIDATOR.validate(record, today=TODAY, default_version=1_790_000_000_000, sender=authority)


def small_format(**changes: Any) -> Format:  # noqa: ANN401
    """A format of six columns, with changes to its record rules."""
    rules: dict[str, Any] = {
        "record_no": {"from": "文号"},
        "list": {"is": "black"},
        "category": {"is": "C07"},
        "severity": {"is": "severe"},
        "subject": {"name": {"from": "名称"}, "id": {"from": "号码"}},
        "facts": {"from": "事实"},
        "basis": {"is": "依据"},
        "document_no": {"from": "文号"},
        "determined_on": {"from": "日期"},
    }
    top = {key: changes.pop(key) for key in ("aliases", "ignored", "end_kind", "removal", "envelope") if key in changes}
    value = {"name": "small", "title": "小", "title_en": "small", "record": rules | changes} | top
    return msgspec.convert(value, Format)


HEADER = ("名称", "号码", "文号", "日期", "事实")
ROW = ("淮安云岫建材有限公司", COMPANY, "（2026）苏0811执1号", "2026-08-12", "有能力履行而拒不履行")


def write(folder: Path, name: str, data: bytes) -> Path:
    """The file with that content."""
    path = folder / name
    path.write_bytes(data)
    return path
