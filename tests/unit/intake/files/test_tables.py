"""Delimited text and JSON: encodings, headers, footers, quotation marks, and the effect of an invalid line."""

import io
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intake.files.cells import fold_header
from intake.files.tables import FileKind, FileUnreadableError, Row, kind_of, read_rows
from tests.unit.intake.sample_files import csv_file

COLUMNS = frozenset(map(fold_header, ("名称", "文号")))


def read(data: bytes, kind: str = "csv", columns: frozenset[str] = COLUMNS) -> list[Row]:
    return list(read_rows(io.BytesIO(data), FileKind(kind), columns))


def cells(data: bytes, kind: str = "csv") -> list[Any]:
    return [row.cells if row.fault is None else row.fault.code for row in read(data, kind)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", "\t"])
def test_encodings_and_separators(encoding: str, delimiter: str) -> None:
    """Names with rare characters are read unchanged in every supported encoding, with comma and tab."""
    data = csv_file([("名称", "文号"), ("䶮㛃𬭎", "1")], delimiter=delimiter, encoding=encoding)
    assert cells(data) == [{"名称": "䶮㛃𬭎", "文号": "1"}]
    assert cells(data, "txt") == [{"名称": "䶮㛃𬭎", "文号": "1"}]


@pytest.mark.parametrize(
    ("code", "character"),
    [(b"\xa8\xbc", "ḿ"), (b"\xa6\xd9", "︐"), (b"\xfe\x59", "龴"), (b"\xfe\xa0", "龻"), (b"\xfe\x9f", "䶮")],
)
def test_private_use_of_gb18030(code: bytes, character: str) -> None:
    """Codes that GB 18030-2000 mapped to private use become the characters of GB 18030-2022."""
    data = "名称,文号\n".encode("gb18030") + code + b",1\n"
    assert cells(data) == [{"名称": character, "文号": "1"}]


def test_no_two_byte_code_stays_in_private_use() -> None:
    """A private-use character of the codec is either unassigned or translated."""
    rows = [bytes((0xFE, trail)) + b",x" for trail in (*range(0x50, 0x7F), *range(0x80, 0xA1))]
    found = cells("名称,文号\n".encode("gb18030") + b"\n".join(rows))
    assert len(found) == 80
    assert not any("\ue000" <= row["名称"] <= "\uf8ff" for row in found)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"\xff\xff\xff\xff", "encoding_unknown"),
        (b"\xef\xbb\xbf\xc3\xfb\xb3\xc6,x\n", "encoding_unknown"),  # has a UTF-8 byte order mark, but is not UTF-8
        ("名稱,文號\n".encode("big5"), "header_missing"),  # the encoding is never guessed, so no header is found
        ("名称,文号\n".encode("utf-16-le"), "file_binary"),  # no byte order mark
        (b"PK\x03\x04\0\0", "file_binary"),
        (b"", "header_missing"),
        ("标题\n名称\n".encode(), "header_missing"),
        ("名称,文号,名 称,文号\n".encode(), "header_duplicate"),
        (("名称,文号\n" + "x" * (1024 * 1024 + 1)).encode(), "line_too_long"),
    ],
)
def test_a_file_that_cannot_be_read(data: bytes, code: str) -> None:
    """The whole file is refused, with a code and a text in both languages."""
    with pytest.raises(FileUnreadableError) as refused:
        read(data)
    assert refused.value.code == code
    assert refused.value.text.en in str(refused.value)
    assert refused.value.text.zh in str(refused.value)


def test_title_rows_and_footers() -> None:
    """Titles above the header and totals and signatures below the records are skipped."""
    data = csv_file(
        [
            ("淮安市某名单", ""),
            ("填报单位：市法院", ""),
            (),
            ("序号", "名称", "文号", ""),
            ("1", "甲", "A1", "", ""),
            ("", "", "", ""),
            ("2", "合计贸易有限公司", "A2"),  # a name, not a total
            ("合计", "2", ""),
            ("制表人：沈知微", "", "审核：顾怀舟"),
        ]
    )
    rows = read(data)
    assert [(row.line, row.by_column()["名称"]) for row in rows] == [(5, "甲"), (7, "合计贸易有限公司")]


def test_what_spreadsheets_put_around_numbers() -> None:
    """A leading apostrophe, ="…" and a tab mark a number as text; they are removed."""
    data = '名称,文号\n"=""320829""",\'0012\n\u3000甲\ufeff ,"\t7"\n'.encode()
    assert cells(data) == [{"名称": "320829", "文号": "0012"}, {"名称": "甲", "文号": "7"}]


def test_a_cell_of_several_lines() -> None:
    """An embedded line end belongs to the cell; the row's line number is that of its first line."""
    rows = read(b'a,b\r\n"1\r\n2",x\r\n3,y\r\n', columns=frozenset())
    assert [(row.line, row.by_column()["a"]) for row in rows] == [(2, "1\r\n2"), (4, "3")]


@pytest.mark.parametrize("bad", ['"open,1', '"x"y,1', 'a,"'])
def test_a_bad_line_harms_no_other(bad: str) -> None:
    """An unclosed quotation mark refuses its own line; the following rows are read."""
    data = f"名称,文号\n甲,1\n{bad}\n乙,2\n丙,3\n".encode()
    assert [(row.line, row.fault.code if row.fault else row.by_column()["名称"]) for row in read(data)] == [
        (2, "甲"),
        (3, "row_malformed"),
        (4, "乙"),
        (5, "丙"),
    ]


def test_more_cells_than_columns() -> None:
    """An unquoted comma shifts the row, which is refused; empty cells at the end are ignored."""
    assert cells("名称,文号,\n甲,1,,,\n甲,1,x\n甲,1,,x\n乙\n".encode()) == [
        {"名称": "甲", "文号": "1"},
        "cells_without_column",
        "cells_without_column",
        {"名称": "乙"},
    ]


def test_ndjson_line_by_line() -> None:
    """Empty lines are skipped; an invalid line and one over 1 MiB are refused alone; null is a value."""
    long = b'"' + b"x" * (1024 * 1024) + b'"'
    data = b'\xef\xbb\xbf{"a":1}\n\nnull\n{broken\n\xff\xff\n' + long + b"\n[2]"
    assert [(row.line, row.fault.code if row.fault else row.cells) for row in read(data, "ndjson")] == [
        (1, {"a": 1}),
        (3, None),
        (4, "json_invalid"),
        (5, "json_invalid"),
        (6, "row_too_long"),
        (7, [2]),
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_json_whole(encoding: str) -> None:
    """An array gives its items with their positions; an object is one item."""
    assert [(r.line, r.cells) for r in read('[{"名":"甲"},2]'.encode(encoding), "json")] == [(1, {"名": "甲"}), (2, 2)]
    assert [r.cells for r in read(b'{"a":1}', "json")] == [{"a": 1}]


def test_json_that_is_none() -> None:
    """Invalid JSON refuses the file, with the line of the error."""
    with pytest.raises(FileUnreadableError) as refused:
        read(b'[\n{"a":1},\n{]', "json")
    assert (refused.value.code, refused.value.line) == ("json_invalid", 3)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.CSV", "csv"),
        ("a.b.tsv", "tsv"),
        ("x.txt", "txt"),
        ("名.xlsx", "xlsx"),
        ("a.jsonl", "ndjson"),
        ("a.xls", "xls"),
    ],
)
def test_kinds_by_ending(name: str, kind: str) -> None:
    """The extension determines the type of file, in any letter case."""
    assert kind_of(name) == kind


@pytest.mark.parametrize("name", ["a.pdf", "csv", "a.", "a.xlsm"])
def test_unknown_ending(name: str) -> None:
    """Any other extension is refused before the file is opened."""
    with pytest.raises(FileUnreadableError) as refused:
        kind_of(name)
    assert refused.value.code == "file_kind_unknown"


CELL = st.text(st.characters(blacklist_categories=("Cs", "Cc", "Cf", "Zs", "Zl", "Zp")), min_size=1, max_size=12)


@given(st.lists(st.tuples(CELL, CELL), max_size=8), st.sampled_from(["utf-8-sig", "gb18030"]))
def test_what_was_written_is_read(rows: list[tuple[str, str]], encoding: str) -> None:
    """CSV as a spreadsheet writes it is read back cell by cell."""
    kept = [
        row for row in rows if not (row[0] + row[1]).startswith(("'", "=", "合", "总", "小", "共", "备", "注", "说"))
    ]
    kept = [
        row
        for row in kept
        if not row[1].startswith(("'", "=")) and not any("\ue000" <= c <= "\uf8ff" for c in "".join(row))
    ]
    kept = [row for row in kept if not row[0].startswith(("制表", "填表", "填报", "审核", "复核"))]
    data = csv_file([("名称", "文号"), *kept], encoding=encoding)
    assert [(row.by_column()["名称"], row.by_column()["文号"]) for row in read(data)] == kept


@given(st.binary(max_size=300), st.sampled_from(["csv", "tsv", "json", "ndjson", "xlsx", "xls"]))
def test_arbitrary_bytes_raise_no_other_error(data: bytes, kind: str) -> None:
    """Any bytes give rows or ``FileUnreadableError``; no other exception is raised."""
    with suppress(FileUnreadableError):
        read(data, kind)
