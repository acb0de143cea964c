"""``creditgate feed``: check a department's file, upload it, and list the formats."""

import asyncio
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from config.files import ConfigError
from config.settings import Settings
from creditgate.cli.feeds import check as feed_check
from creditgate.cli.terminal import (
    MISUSE,
    REFUSED,
    JsonOption,
    KeyOption,
    UrlOption,
    api_key,
    err,
    fail,
    gateway_url,
    out,
    print_json,
    settings_or_fail,
)
from creditgate.feed_upload import MAX_REPORTED_ROWS, UploadFailedError, UploadReport, upload
from intake.files.tables import FileUnreadableError, kind_of
from intake.formats.loader import load_formats
from intake.formats.model import FEED_RECORD, Format
from intake.rows.pipeline import PreparedRecord, prepare

_PRINTED_FAULTS = 20
app = typer.Typer(no_args_is_help=True, help="Feeds of the departments. / 部门报送。")

FileArgument = Annotated[
    Path, typer.Argument(help="CSV, TSV, TXT, XLSX, XLS, JSON or NDJSON.", exists=True, dir_okay=False)
]
FormatOption = Annotated[
    str, typer.Option("--format", "-f", help="How the file is read; `creditgate feed formats` lists them.")
]


@app.callback()
def feed() -> None:
    """Feeds of the departments. / 部门报送。"""


@app.command()
def formats(json: JsonOption = False) -> None:
    """List the formats of files that can be read. / 列出可读取的格式。"""
    found = _formats(settings_or_fail())
    if json:
        print_json([_summary(fmt) for fmt in found.values()])
        return
    table = Table(box=None)
    for column in ("format / 格式", "authority / 单位"):
        table.add_column(column, no_wrap=True)
    table.add_column("title / 名称", overflow="fold")
    for fmt in found.values():
        table.add_row(fmt.name, fmt.authority or "", f"{fmt.title}\n{fmt.title_en}")
    out.print(table)


@app.command()
def check(
    file: FileArgument,
    format_name: FormatOption = FEED_RECORD,
    authority: Annotated[
        str | None, typer.Option("--authority", "-a", help="Authority that sends the file. Default: the format's own.")
    ] = None,
    rows: Annotated[int, typer.Option(min=0, help="Records to show; all failing rows are shown.")] = 50,
    json: JsonOption = False,
) -> None:
    """Show how each row would be read, and each row that fails with line, column and reason. Sends nothing.

    Exits with 1 when a row fails. / 试读文件，不报送。
    """
    settings = settings_or_fail()
    fmt = _format(settings, format_name)
    sender = authority or fmt.authority
    if sender is None:
        fail(f"--authority is needed: format {fmt.name} has none of its own / 请指定认定单位", MISUSE)
    validator = feed_check.throwaway_validator(settings)
    if validator.departments.find(sender) is None:
        fail(f"no such authority: {sender} / 该认定单位未登记", MISUSE)
    try:
        with file.open("rb") as opened:
            prepared = prepare(opened, kind_of(file.name), fmt, sender)
            validated = feed_check.validate_rows(prepared, fmt, validator, sender)
            failed = feed_check.print_report(validated, rows, as_json=json)
    except FileUnreadableError as error:
        fail(f"{file.name}: {error}", MISUSE)
    if failed:
        raise typer.Exit(REFUSED)


@app.command()
def push(
    file: FileArgument,
    authority: Annotated[str, typer.Option("--authority", "-a", help="Code of the authority, as in departments.yaml.")],
    format_name: FormatOption = FEED_RECORD,
    url: UrlOption = None,
    key: KeyOption = None,
    wait: Annotated[bool, typer.Option(help="Wait until every record is applied or rejected.")] = True,
    json: JsonOption = False,
) -> None:
    """Upload a file; print how many records were accepted, and each rejected row with line and reason.

    Exits with 1 when a record is rejected. / 报送文件。
    """
    settings = settings_or_fail()
    fmt = _format(settings, format_name)
    try:
        with file.open("rb") as opened:
            rows = prepare(opened, kind_of(file.name), fmt, authority)
            report = _upload(rows, gateway_url(url, settings), api_key(key, settings, "feeder"), authority, wait)
    except FileUnreadableError as error:
        fail(f"{file.name}: {error}", MISUSE)
    except UploadFailedError as error:
        fail(str(error))
    for fault in report.rejected:
        fault["path"] = fmt.column_at(fault["path"]) or fault["path"]
    if json:
        print_json(asdict(report))
    else:
        _print(report, wait=wait)
    if report.rejected_count:
        raise typer.Exit(REFUSED)


def _upload(rows: Iterator[PreparedRecord], url: str, key: str, authority: str, wait: bool) -> UploadReport:
    columns = (SpinnerColumn(), TextColumn("{task.description} {task.completed:.0f}"), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=True) as progress:
        task = progress.add_task("records / 记录", total=None)
        return asyncio.run(upload(url, key, authority, rows, wait=wait, progress=lambda n: progress.advance(task, n)))


def _print(report: UploadReport, *, wait: bool) -> None:
    settled = f", applied {report.applied}, superseded {report.superseded}" if wait else ""
    out.print(f"accepted {report.accepted}{settled}, rejected {report.rejected_count}", highlight=False)
    for fault in report.rejected[:_PRINTED_FAULTS]:
        feed_check.print_fault(fault)
    if (more := report.rejected_count - _PRINTED_FAULTS) > 0:
        out.print(f"  … and {more} more; --json prints up to {MAX_REPORTED_ROWS:,}", markup=False)


def _format(settings: Settings, name: str) -> Format:
    found = _formats(settings)
    if name not in found:
        fail(f"no such format: {name}; formats: {', '.join(found)} / 没有该格式", MISUSE)
    return found[name]


def _formats(settings: Settings) -> dict[str, Format]:
    try:
        return load_formats(settings.formats)
    except ConfigError as error:
        fail(str(error), MISUSE)


def _summary(fmt: Format) -> dict[str, Any]:
    return {name: getattr(fmt, name) for name in ("name", "title", "title_en", "authority", "mode", "envelope")}
