"""Read checks from a file of subjects (bidders, sellers, applicants), and write their results to a CSV file."""

import csv
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple
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
_CHECK_COLUMNS = ("account_id", "amount", "region")
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


@dataclass
class FileCheck:
    """One check of a file: the lines it came from, and its body or why a line could not be read."""

    lines: list[int]
    body: dict[str, Any] = field(default_factory=dict)
    fault: InvalidRecordError | None = None


class ResultRow(NamedTuple):
    """One line of the result file, with its columns."""

    line: str
    transaction_id: str = ""
    role: str = ""
    masked_id: str = ""
    outcome: str = ""
    notes: str = ""
    measures: str = ""
    grounds: str = ""
    decision_id: str = ""


def checks_in(file: BinaryIO, kind: FileKind, common: Mapping[str, Any], role: str) -> Iterator[FileCheck]:
    """The checks of a file, in its order. Raises ``FileUnreadableError``.

    Neighbouring rows of one transaction are one check with several parties: a consortium is judged as a whole.
    """
    current: FileCheck | None = None
    for row in read_rows(file, kind, COLUMNS.keys()):
        check = _check_of(row, common, role)
        readable = current is not None and current.fault is None and check.fault is None
        if current is not None and readable and _same_transaction(current, check):
            current.lines += check.lines
            current.body["subjects"] += check.body["subjects"]
            continue
        if current is not None:
            yield current
        current = check
    if current is not None:
        yield current


def _same_transaction(first: FileCheck, second: FileCheck) -> bool:
    return bool(first.body["transaction_id"] == second.body["transaction_id"])


def _check_of(row: Row, common: Mapping[str, Any], role: str) -> FileCheck:
    if row.fault is not None:
        return FileCheck([row.line], fault=row.fault)
    try:
        cells = {name: _text(row, column) for column, name in _columns(row)}
    except InvalidRecordError as fault:
        return FileCheck([row.line], fault=fault)
    subject = {"role": cells.get("role") or role, "id": cells.get("id") or None, "name": cells.get("name") or None}
    body = dict(common) | {"transaction_id": cells.get("transaction_id") or f"file-{uuid4().hex[:12]}"}
    body |= {name: cells[name] for name in _CHECK_COLUMNS if cells.get(name)}
    if "amount" in body:
        body["amount"] = _number(body["amount"])
    return FileCheck([row.line], body | {"subjects": [subject]})


def _columns(row: Row) -> Iterator[tuple[str, str]]:
    for column in row.by_column():
        if name := COLUMNS.get(fold_header(column)):
            yield column, name


def _text(row: Row, column: str) -> str:
    identifies = COLUMNS[fold_header(column)] == "id"
    text = (identifier_of if identifies else text_of)(row.by_column()[column], column)
    return unwrap(text) if row.in_table else text


def _number(text: str) -> float | str:
    """The amount, or the text itself, which the gateway then refuses with its path."""
    try:
        return float(text.replace(",", ""))
    except ValueError:
        return text


def result_rows(check: FileCheck, result: Mapping[str, Any]) -> Iterator[ResultRow]:
    """One row for each party of a check, or one for each line of a check that has a problem."""
    if "problem" in result:
        problem = result["problem"]
        text = f"{problem['code']}: {problem.get('detail_zh') or problem['title_zh']}"
        for line in check.lines:
            yield ResultRow(str(line), outcome="problem", notes=text)
        return
    decision = result["decision"]
    lines = check.lines if len(check.lines) == len(decision["subjects"]) else check.lines * len(decision["subjects"])
    for line, subject in zip(lines, decision["subjects"], strict=False):
        grounds = [f"{item['authority_name']} {item['document_no']}" for item in subject["listings"]]
        notes = [*subject["notes"], *(unknown["code"] for unknown in decision["unknown"])]
        yield ResultRow(
            line=str(line),
            transaction_id=decision["transaction_id"],
            role=subject["role"],
            masked_id=subject["masked_id"] or "",
            outcome=decision["outcome"],
            notes="; ".join(notes),
            measures="; ".join(f"{m['code']} {m['text']}" for m in decision["measures"]),
            grounds="; ".join(grounds),
            decision_id=decision["decision_id"],
        )


def write_results(path: Path, rows: Iterable[ResultRow]) -> int:
    """Write the result file and return the number of rows. Cells are escaped: no spreadsheet reads one as a formula."""
    count = 0
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(ResultRow._fields)
        for row in rows:
            writer.writerow(map(_without_formula, row))
            count += 1
    return count


def _without_formula(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text
