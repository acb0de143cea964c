"""How a file would be read: each record as the gateway would judge it, shown to whoever is about to send it."""

import secrets
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

from rich.table import Table
from rich.text import Text

from config.files import ConfigError, load_departments
from config.settings import Settings
from creditgate.cli.terminal import MISUSE, fail, out, print_json
from intake.faults import INTAKE_NOTES
from intake.formats.model import Format
from intake.rows.pipeline import PreparedRecord
from rules.admission.feed_event import FeedEvent
from rules.admission.validator import RecordValidator
from rules.calendar import civil_day, to_milliseconds
from rules.faults import InvalidRecordError
from rules.identity.subject import MIN_PEPPER_BYTES, SubjectKeys

MOST_FAULTS_KEPT = 10_000
_COLUMNS = (
    *("line\n行号", "operation\n操作", "record no\n记录编号", "subject\n主体", "list\n名单", "category\n类别"),
    *("determined\n认定日期", "ends\n截止"),
)


class Judged(NamedTuple):
    """One row with its verdict: ``claim`` as the gateway would make it, or ``fault``."""

    row: PreparedRecord
    claim: FeedEvent | None
    fault: InvalidRecordError | None


def throw_away_desk(settings: Settings) -> RecordValidator:
    """A desk whose keys nobody keeps; ends with 2 when the departments cannot be read."""
    try:
        return RecordValidator(
            load_departments(settings.departments), SubjectKeys(secrets.token_bytes(MIN_PEPPER_BYTES))
        )
    except ConfigError as error:
        fail(str(error), MISUSE)


def judge(rows: Iterator[PreparedRecord], fmt: Format, desk: RecordValidator, sender: str) -> Iterator[Judged]:
    """Each row with the verdict that the gateway's door would give it today, in the words of its file."""
    now = datetime.now(UTC)
    for row in rows:
        if row.fault is not None:
            yield Judged(row, None, row.fault)
            continue
        try:
            claim = desk.validate(row.record, today=civil_day(now), default_version=to_milliseconds(now), sender=sender)
        except InvalidRecordError as fault:
            yield Judged(row, None, fmt.in_file_terms(fault))
        else:
            yield Judged(row, claim, None)


def report(judged: Iterator[Judged], most_rows: int, *, as_json: bool) -> int:
    """Print records, faults and a summary; the number of failing rows. Holds ``most_rows`` records at most."""
    counts: Counter[str] = Counter()
    notes: Counter[str] = Counter()
    dropped: dict[str, None] = {}
    shown: list[dict[str, Any]] = []
    faults: list[dict[str, Any]] = []
    for item in judged:
        dropped |= dict.fromkeys(item.row.dropped)
        notes.update(item.row.notes)
        if item.fault is not None:
            fault = item.fault.as_dict() | {"line": item.row.line}
            counts["failed"] += 1
            if not as_json:
                print_fault(fault)
            elif len(faults) < MOST_FAULTS_KEPT:
                faults.append(fault)
            continue
        counts[item.row.record["operation"] if item.row.record else ""] += 1
        if len(shown) < most_rows:
            shown.append(_shown(item))
    summary = {"readable": counts.total() - counts["failed"], "failed": counts["failed"], "notes": dict(notes)}
    if as_json:
        print_json({"summary": summary | {"dropped": list(dropped)}, "records": shown, "faults": faults})
    else:
        _print(shown, summary, list(dropped))
    return counts["failed"]


def print_fault(fault: dict[str, Any]) -> None:
    """One line for one rejected row: where, which code, why in both languages."""
    out.print(
        f"  line {fault['line']}: {fault['code']} at {fault['path']}: {fault['reason']} / {fault['reason_zh']}"
        + (f" ({fault['detail']})" if fault.get("detail") else ""),
        highlight=False,
        markup=False,
        soft_wrap=True,
    )


def _shown(item: Judged) -> dict[str, Any]:
    """What one readable record says, without its number and with a person's name covered."""
    record = item.row.record or {}
    subject = record.get("subject") or {}
    name = str(subject.get("name", ""))
    covered = name[:1] + "*" * (len(name) - 1) if subject.get("kind") == "natural_person" else name
    number = str(record["record_no"])
    return {
        "line": item.row.line,
        "operation": record["operation"],
        "record_no": number.replace(name, covered) if name else number,
        "subject": covered,
        "list": record.get("list", ""),
        "category": record.get("category", ""),
        "determined_on": record["determined_on"],
        "ends": record.get("valid_until") or record.get("removed_on") or "",
        "warnings": list(item.claim.warnings) if item.claim else [],
    }


def _print(shown: list[dict[str, Any]], summary: dict[str, Any], dropped: list[str]) -> None:
    table = Table(*_COLUMNS, box=None)
    for record in shown:
        *cells, _ = record.values()
        table.add_row(*(Text(str(cell)) for cell in cells))
    out.print(table)
    if (hidden := summary["readable"] - len(shown)) > 0:
        out.print(f"… and {hidden} more; --rows shows them / 其余 {hidden} 条未显示", highlight=False, markup=False)
    if dropped:
        names = ", ".join(dropped)
        out.print(f"columns of no use / 未使用的列: {names}", highlight=False, markup=False, soft_wrap=True)
    for code, count in summary["notes"].items():
        text = INTAKE_NOTES[code]
        out.print(f"{code} ×{count}: {text.en} / {text.zh}", highlight=False, markup=False, soft_wrap=True)
    out.print(
        f"readable {summary['readable']}, failed {summary['failed']}"
        f" / 可读 {summary['readable']} 条，失败 {summary['failed']} 条",
        highlight=False,
    )
