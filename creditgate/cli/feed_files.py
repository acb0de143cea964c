"""``creditgate feed``: check a department's file, deliver it, and list the formats that are read."""

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
from creditgate.cli import feed_check
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
from creditgate.feed_upload import Delivery, DeliveryFailedError, deliver
from intake.files.tables import FileUnreadableError, kind_of
from intake.formats.loader import load_formats
from intake.formats.model import FEED_RECORD, Format
from intake.rows.pipeline import PreparedRecord, prepare

_SHOWN = 20
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
    """List the formats in which files are read. / 列出可读取的格式。"""
    found = _formats(settings_or_fail())
    if json:
        print_json([_about(fmt) for fmt in found.values()])
        return
    table = Table("format / 格式", "title / 名称", "authority / 单位", "mode / 方式", box=None)
    for fmt in found.values():
        table.add_row(fmt.name, f"{fmt.title}\n{fmt.title_en}", fmt.authority or "", fmt.mode)
    out.print(table)


@app.command()
def check(
    file: FileArgument,
    format_name: FormatOption = FEED_RECORD,
    authority: Annotated[
        str | None, typer.Option("--authority", "-a", help="Who would send it; the format's own unless given.")
    ] = None,
    rows: Annotated[int, typer.Option(min=0, help="Records to show; failing rows are shown all.")] = 50,
    json: JsonOption = False,
) -> None:
    """Show how each row would be read, and every row that fails, by line, column and reason. Sends nothing.

    Ends with 1 when any row fails. / 试读文件，不报送。
    """
    settings = settings_or_fail()
    fmt = _format(settings, format_name)
    sender = authority or fmt.authority
    if sender is None:
        fail(f"--authority is needed: {fmt.name} belongs to no single one / 请指定认定单位", MISUSE)
    desk = feed_check.throw_away_desk(settings)
    if desk.departments.find(sender) is None:
        fail(f"no such authority: {sender} / 该认定单位未登记", MISUSE)
    try:
        with file.open("rb") as opened:
            judged = feed_check.judge(prepare(opened, kind_of(file.name), fmt, sender), fmt, desk, sender)
            failed = feed_check.report(judged, rows, as_json=json)
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
    """Deliver a file; counts what was accepted, and what was rejected by line and reason.

    Ends with 1 when any record was rejected. / 报送文件。
    """
    settings = settings_or_fail()
    fmt = _format(settings, format_name)
    try:
        with file.open("rb") as opened:
            rows = prepare(opened, kind_of(file.name), fmt, authority)
            delivery = _deliver(rows, gateway_url(url, settings), api_key(key, settings, "feeder"), authority, wait)
    except FileUnreadableError as error:
        fail(f"{file.name}: {error}", MISUSE)
    except DeliveryFailedError as error:
        fail(str(error))
    for fault in delivery.rejected:
        fault["path"] = fmt.column_at(fault["path"]) or fault["path"]
    if json:
        print_json(asdict(delivery))
    else:
        _print(delivery, wait=wait)
    if delivery.rejected_count:
        raise typer.Exit(REFUSED)


def _deliver(rows: Iterator[PreparedRecord], url: str, key: str, authority: str, wait: bool) -> Delivery:
    columns = (SpinnerColumn(), TextColumn("{task.description} {task.completed:.0f}"), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=True) as progress:
        task = progress.add_task("records / 记录", total=None)
        return asyncio.run(deliver(url, key, authority, rows, wait=wait, progress=lambda n: progress.advance(task, n)))


def _print(delivery: Delivery, *, wait: bool) -> None:
    settled = f", applied {delivery.applied}, superseded {delivery.superseded}" if wait else ""
    out.print(f"accepted {delivery.accepted}{settled}, rejected {delivery.rejected_count}", highlight=False)
    for fault in delivery.rejected[:_SHOWN]:
        feed_check.print_fault(fault)
    if delivery.rejected_count > _SHOWN:
        out.print(f"  … and {delivery.rejected_count - _SHOWN} more; --json shows up to 10,000", markup=False)


def _format(settings: Settings, name: str) -> Format:
    found = _formats(settings)
    if name not in found:
        fail(f"no such format: {name}; there are {', '.join(found)} / 没有该格式", MISUSE)
    return found[name]


def _formats(settings: Settings) -> dict[str, Format]:
    try:
        return load_formats(settings.formats)
    except ConfigError as error:
        fail(str(error), MISUSE)


def _about(fmt: Format) -> dict[str, Any]:
    return {name: getattr(fmt, name) for name in ("name", "title", "title_en", "authority", "mode", "envelope")}
