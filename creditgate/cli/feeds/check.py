"""``creditgate feed check``: each row of a file as the gateway would validate it today. Sends nothing."""

import secrets
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NamedTuple

from rich.table import Table
from rich.text import Text

from config.files import ConfigError, load_departments
from config.settings import Settings
from creditgate.cli.terminal import MISUSE, fail, out, print_json
from creditgate.feed_upload import MAX_REPORTED_ROWS, RowFault, row_fault
from intake.faults import INTAKE_NOTES
from intake.formats.model import Format
from intake.rows.pipeline import PreparedRecord
from rules.admission.feed_event import FeedEvent
from rules.admission.validator import RecordValidator
from rules.calendar import civil_day, to_milliseconds
from rules.faults import InvalidRecordError
from rules.identity.subject import MIN_PEPPER_BYTES, SubjectKeys

_COLUMNS = (
    *("line\n行号", "operation\n操作", "record no\n记录编号", "subject\n主体", "list\n名单", "category\n类别"),
    *("determined\n认定日期", "ends\n截止"),
)


class ValidatedRow(NamedTuple):
    """One row with either ``event``, as the gateway would accept it, or ``fault``."""

    row: PreparedRecord
    event: FeedEvent | None
    fault: InvalidRecordError | None


class RowSummary(NamedTuple):
    """What is shown of a readable record: not its number, and only the first character of a person's name."""

    line: int
    operation: str
    record_no: str
    subject: str
    list: str
    category: str
    determined_on: str
    ends: str
    warnings: tuple[str, ...]


def throwaway_validator(settings: Settings) -> RecordValidator:
    """A validator with random subject keys, which are used nowhere else; exits with 2 on invalid departments."""
    try:
        departments = load_departments(settings.departments)
    except ConfigError as error:
        fail(str(error), MISUSE)
    return RecordValidator(departments, SubjectKeys(secrets.token_bytes(MIN_PEPPER_BYTES)))


def validate_rows(
    rows: Iterator[PreparedRecord], fmt: Format, validator: RecordValidator, sender: str
) -> Iterator[ValidatedRow]:
    """Each row validated as the gateway would today; faults name the columns of the file."""
    now = datetime.now(UTC)
    for row in rows:
        if row.fault is not None:
            yield ValidatedRow(row, None, row.fault)
            continue
        try:
            event = validator.validate(
                row.record, today=civil_day(now), default_version=to_milliseconds(now), sender=sender
            )
        except InvalidRecordError as fault:
            yield ValidatedRow(row, None, fmt.in_file_terms(fault))
        else:
            yield ValidatedRow(row, event, None)


def print_report(validated: Iterator[ValidatedRow], max_rows: int, *, as_json: bool) -> int:
    """Print records, faults and a summary; return the number of failing rows. Keeps ``max_rows`` records at most."""
    counts: Counter[str] = Counter()
    notes: Counter[str] = Counter()
    dropped: dict[str, None] = {}
    shown: list[RowSummary] = []
    faults: list[RowFault] = []
    for item in validated:
        dropped |= dict.fromkeys(item.row.dropped)
        notes.update(item.row.notes)
        if item.fault is not None:
            fault = row_fault(item.fault, item.row.line)
            counts["failed"] += 1
            if not as_json:
                print_fault(fault)
            elif len(faults) < MAX_REPORTED_ROWS:
                faults.append(fault)
            continue
        counts["readable"] += 1
        if len(shown) < max_rows:
            shown.append(_summary(item))
    if as_json:
        summary = {"readable": counts["readable"], "failed": counts["failed"], "notes": dict(notes)}
        records = [row._asdict() for row in shown]
        print_json({"summary": summary | {"dropped": list(dropped)}, "records": records, "faults": faults})
    else:
        _print(shown, counts, notes, list(dropped))
    return counts["failed"]


def print_fault(fault: RowFault) -> None:
    """Print one line for one rejected row: its line, code and column, and the reason in both languages."""
    out.print(
        f"  line {fault['line']}: {fault['code']} at {fault['path']}: {fault['reason']} / {fault['reason_zh']}"
        + (f" ({fault['detail']})" if fault.get("detail") else ""),
        highlight=False,
        markup=False,
        soft_wrap=True,
    )


def _summary(item: ValidatedRow) -> RowSummary:
    record = item.row.record or {}
    subject = record.get("subject") or {}
    name = str(subject.get("name", ""))
    covered = name[:1] + "*" * (len(name) - 1) if subject.get("kind") == "natural_person" else name
    number = str(record["record_no"])
    return RowSummary(
        line=item.row.line,
        operation=record["operation"],
        record_no=number.replace(name, covered) if name else number,
        subject=covered,
        list=record.get("list", ""),
        category=record.get("category", ""),
        determined_on=record["determined_on"],
        ends=record.get("valid_until") or record.get("removed_on") or "",
        warnings=tuple(item.event.warnings) if item.event else (),
    )


def _print(shown: list[RowSummary], counts: Counter[str], notes: Counter[str], dropped: list[str]) -> None:
    table = Table(*_COLUMNS, box=None)
    for *cells, _ in shown:
        table.add_row(*(Text(str(cell)) for cell in cells))
    out.print(table)
    readable, failed = counts["readable"], counts["failed"]
    if (hidden := readable - len(shown)) > 0:
        out.print(f"… and {hidden} more; --rows shows them / 其余 {hidden} 条未显示", highlight=False, markup=False)
    if dropped:
        names = ", ".join(dropped)
        out.print(f"columns not used / 未使用的列: {names}", highlight=False, markup=False, soft_wrap=True)
    for code, count in notes.items():
        text = INTAKE_NOTES[code]
        out.print(f"{code} ×{count}: {text.en} / {text.zh}", highlight=False, markup=False, soft_wrap=True)
    out.print(f"readable {readable}, failed {failed} / 可读 {readable} 条，失败 {failed} 条", highlight=False)
