"""A file of subjects becomes checks, and the decisions become a file that is safe in a spreadsheet."""

import csv
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from creditgate.cli.check_csv import FileCheck, checks_in, result_rows, write_results
from intake.files.tables import FileKind, FileUnreadableError
from tests.unit.intake.sample_files import xlsx_file

COMMON = {"scene": "bidding.qualification", "operator": "o", "purpose": "p"}
BIDDERS = """投标人名单,,,
标段编号,名称,统一社会信用代码,角色,金额
B-1,甲公司,91320800MA1TE5T0XK,bidder,"1,000,000"
B-1,乙公司,'92320803MA1TE5T18U,consortium_member,"1,000,000"
,丙公司,="54320800MJ5TE5T428",,
B-3,,,bidder,abc
合计,,,,
"""


def asked(text: str, kind: FileKind = FileKind.CSV, encoding: str = "gb18030") -> list[FileCheck]:
    return list(checks_in(BytesIO(text.encode(encoding)), kind, COMMON, "applicant"))


@pytest.mark.parametrize("encoding", ["gb18030", "utf-8-sig", "utf-8", "utf-16"])
def test_rows_become_checks(encoding: str) -> None:
    """Chinese headers, title and footer rows and quoted ids are read; adjacent rows of a transaction are one check."""
    first, second, third = asked(BIDDERS, encoding=encoding)
    assert (first.lines, first.body["transaction_id"], first.body["amount"]) == ([3, 4], "B-1", 1_000_000.0)
    assert [(s["role"], s["id"]) for s in first.body["subjects"]] == [
        ("bidder", "91320800MA1TE5T0XK"),
        ("consortium_member", "92320803MA1TE5T18U"),
    ]
    assert second.body["subjects"] == [{"role": "applicant", "id": "54320800MJ5TE5T428", "name": "丙公司"}]
    assert second.body["transaction_id"].startswith("file-")
    assert third.body["amount"] == "abc", "the gateway says what is wrong with it"


def test_ndjson_is_read_too() -> None:
    """NDJSON has one object per line."""
    (found,) = asked('{"id": "91320800MA1TE5T0XK", "name": "甲"}\n', FileKind.NDJSON, "utf-8")
    assert found.body["subjects"][0]["id"] == "91320800MA1TE5T0XK"


def test_a_number_that_lost_its_digits_is_told() -> None:
    """A numeric cell cannot be an identifier: its row is reported, and the other rows are checked."""
    sheet = xlsx_file([["id", "name"], [3.20803199001011e17, "甲"], ["91320800MA1TE5T0XK", "乙"]])
    bad, good = checks_in(BytesIO(sheet), FileKind.XLSX, COMMON, "bidder")
    assert bad.fault is not None
    assert good.fault is None


def test_a_file_without_a_header_is_refused() -> None:
    """The columns are never guessed: no check is made."""
    with pytest.raises(FileUnreadableError):
        asked("1,2,3\n4,5,6\n")


def test_results_are_text_for_a_spreadsheet(tmp_path: Path) -> None:
    """The result has one row per subject; no cell starts a formula; a problem names its lines."""
    decision: dict[str, Any] = {
        "outcome": "intercept",
        "transaction_id": "=cmd|'/c calc'!A0",
        "decision_id": "dec_1",
        "unknown": [{"code": "register_stale"}],
        "measures": [{"code": "P05", "text": "限制参与公共资源交易活动"}],
        "subjects": [
            {"role": "bidder", "masked_id": None, "notes": [], "listings": []},
            {
                "role": "agent",
                "masked_id": "3208**",
                "notes": ["name_mismatch"],
                "listings": [{"authority_name": "市法院", "document_no": "文号1"}],
            },
        ],
    }
    rows = list(result_rows(FileCheck([3, 4]), {"decision": decision}))
    problem = {"code": "identifier_invalid", "title_zh": "证件号码无效"}
    rows += result_rows(FileCheck([5]), {"problem": problem})
    path = tmp_path / "x.result.csv"
    assert write_results(path, rows) == 3
    with path.open(encoding="utf-8-sig", newline="") as file:
        first, second, third = csv.DictReader(file)
    assert first["transaction_id"].startswith("'=")
    assert (second["line"], second["grounds"], second["notes"]) == (
        "4",
        "市法院 文号1",
        "name_mismatch; register_stale",
    )
    assert (third["line"], third["outcome"]) == ("5", "problem")
    assert "identifier_invalid" in third["notes"]
