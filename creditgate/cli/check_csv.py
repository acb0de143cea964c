"""Checks from a file of subjects, and their answers as a file: for a list of bidders, of sellers, of applicants."""

import csv
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO
from uuid import uuid4

from intake.files.cells import fold_header, identifier_of, text_of, unwrap
from intake.files.tables import FileKind, Row, read_rows
from rules.faults import InvalidRecordError

_ALIASES = {
    "id": ("id", "证件号码", "统一社会信用代码", "社会信用代码", "身份证号", "号码"),
    "name": ("name", "名称", "单位名称", "企业名称", "姓名", "当事人"),
    "role": ("role", "角色"),
    "transaction_id": ("transaction_id", "业务编号", "办件编号", "标段编号"),
    "account_id": ("account_id", "账户", "账号"),
    "amount": ("amount", "金额"),
    "region": ("region", "地区", "行政区划"),
}
COLUMNS = {fold_header(alias): name for name, aliases in _ALIASES.items() for alias in aliases}
"""The columns that are read, by their folded names."""
_RESULT = ("line", "transaction_id", "role", "masked_id", "outcome", "notes", "measures", "grounds", "decision_id")
_OF_THE_CHECK = ("account_id", "amount", "region")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass
class Asked:
    """One check of the file: the lines it came from, its body, and why a line could not be read."""

    lines: list[int]
    body: dict[str, Any] = field(default_factory=dict)
    fault: InvalidRecordError | None = None


def checks_in(file: BinaryIO, kind: FileKind, common: Mapping[str, Any], role: str) -> Iterator[Asked]:
    """The checks that a file asks, in its order. Raises ``FileUnreadableError``.

    Neighbouring rows of one transaction are one check with several parties: a consortium stands or falls together.
    """
    standing: Asked | None = None
    for row in read_rows(file, kind, COLUMNS.keys()):
        asked = _asked(row, common, role)
        together = standing is not None and standing.fault is None and asked.fault is None
        if standing is not None and together and _same(standing, asked):
            standing.lines += asked.lines
            standing.body["subjects"] += asked.body["subjects"]
            continue
        if standing is not None:
            yield standing
        standing = asked
    if standing is not None:
        yield standing


def _same(first: Asked, second: Asked) -> bool:
    return bool(first.body["transaction_id"] == second.body["transaction_id"])


def _asked(row: Row, common: Mapping[str, Any], role: str) -> Asked:
    if row.fault is not None:
        return Asked([row.line], fault=row.fault)
    try:
        cells = {name: _text(row, column) for column, name in _columns(row)}
    except InvalidRecordError as fault:
        return Asked([row.line], fault=fault)
    subject = {"role": cells.get("role") or role, "id": cells.get("id") or None, "name": cells.get("name") or None}
    body = dict(common) | {"transaction_id": cells.get("transaction_id") or f"file-{uuid4().hex[:12]}"}
    body |= {name: cells[name] for name in _OF_THE_CHECK if cells.get(name)}
    if "amount" in body:
        body["amount"] = _number(body["amount"])
    return Asked([row.line], body | {"subjects": [subject]})


def _columns(row: Row) -> Iterator[tuple[str, str]]:
    for column in row.by_column():
        if name := COLUMNS.get(fold_header(column)):
            yield column, name


def _text(row: Row, column: str) -> str:
    identifies = COLUMNS[fold_header(column)] == "id"
    text = (identifier_of if identifies else text_of)(row.by_column()[column], column)
    return unwrap(text) if row.in_table else text


def _number(text: str) -> float | str:
    """The amount, or the text itself, which the gateway will refuse by its place."""
    try:
        return float(text.replace(",", ""))
    except ValueError:
        return text


def result_rows(asked: Asked, result: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    """One row for each party of a check, or one that says what is wrong."""
    if "problem" in result:
        problem = result["problem"]
        words = f"{problem['code']}: {problem.get('detail_zh') or problem['title_zh']}"
        for line in asked.lines:
            yield {"line": str(line), "outcome": "problem", "notes": words}
        return
    decision = result["decision"]
    lines = asked.lines if len(asked.lines) == len(decision["subjects"]) else asked.lines * len(decision["subjects"])
    for line, subject in zip(lines, decision["subjects"], strict=False):
        grounds = [f"{item['authority_name']} {item['document_no']}" for item in subject["listings"]]
        notes = [*subject["notes"], *(unknown["code"] for unknown in decision["unknown"])]
        yield {
            "line": str(line),
            "transaction_id": decision["transaction_id"],
            "role": subject["role"],
            "masked_id": subject["masked_id"] or "",
            "outcome": decision["outcome"],
            "notes": "; ".join(notes),
            "measures": "; ".join(f"{m['code']} {m['text']}" for m in decision["measures"]),
            "grounds": "; ".join(grounds),
            "decision_id": decision["decision_id"],
        }


def write_results(path: Path, rows: Iterable[Mapping[str, str]]) -> int:
    """Write the result file, which a spreadsheet opens as text and never as a formula; how many rows."""
    count = 0
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, _RESULT, restval="")
        writer.writeheader()
        for row in rows:
            writer.writerow({name: _harmless(value) for name, value in row.items()})
            count += 1
    return count


def _harmless(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text
