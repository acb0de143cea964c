"""The guide for departments: its records and its format are valid. tests/e2e/test_docs_run.py runs its commands."""

import io
import json
import re
from datetime import date
from pathlib import Path

import pytest

from intake.files.tables import FileKind
from intake.formats.loader import load_formats
from intake.rows.pipeline import prepare
from tests.unit.intake.sample_files import csv_file
from tests.unit.validator import VALIDATOR

DOCS = Path(__file__).parents[3] / "docs"
GUIDE = (DOCS / "feeds.md").read_text()


def blocks(text: str, kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", text, re.DOTALL)


@pytest.mark.parametrize("example", [block for block in blocks(GUIDE, "json") if '"operation"' in block])
def test_each_record_is_admitted(example: str) -> None:
    """A record copied from the guide passes validation and no field is dropped."""
    claim = VALIDATOR.validate(json.loads(example), today=date(2026, 11, 23), default_version=1, sender="court")
    assert claim.dropped == ()


def test_the_format_reads_a_file(tmp_path: Path) -> None:
    """The complete example is a valid format; it reads a listing and a removal that pass validation."""
    (tmp_path / "dust-control.yaml").write_text(blocks(GUIDE, "yaml")[0])
    fmt = load_formats(tmp_path)["dust-control"]
    header = [
        "序号",
        "企业名称",
        "信用代码",
        "程度",
        "事由",
        "依据",
        "文号",
        "认定日期",
        "截止日期",
        "移出日期",
        "移出文号",
    ]
    row = ["1", "淮安云岫建材有限公司", "91320800MA1TE5T0XK", "一般", "", "条例", "环1号"]
    row += ["2026.8.12", "", "2026年9月1日", "环2号"]
    rows = list(prepare(io.BytesIO(csv_file([header, row])), FileKind.CSV, fmt, "environment"))
    assert [prepared.fault for prepared in rows] == [None, None]
    claims = [
        VALIDATOR.validate(prepared.record, today=date(2026, 11, 23), default_version=1, sender="environment")
        for prepared in rows
    ]
    assert [claim.operation for claim in claims] == ["list", "remove"]
