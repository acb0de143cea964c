"""``creditgate feed``: deliver a department's file."""

import asyncio
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

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
from creditgate.deliveries import Delivery, DeliveryFailed, deliver
from creditgate.feed_files import FileUnreadable, Row, read_records

_SHOWN = 20
app = typer.Typer(no_args_is_help=True, help="Feeds of the departments. / 部门报送。")


@app.callback()
def feed() -> None:
    """Feeds of the departments. / 部门报送。"""


@app.command()
def push(
    file: Annotated[Path, typer.Argument(help="CSV, JSON or NDJSON of feed records v1.", exists=True, dir_okay=False)],
    authority: Annotated[str, typer.Option("--authority", "-a", help="Code of the authority, as in departments.yaml.")],
    url: UrlOption = None,
    key: KeyOption = None,
    wait: Annotated[bool, typer.Option(help="Wait until every record is applied or rejected.")] = True,
    json: JsonOption = False,
) -> None:
    """Deliver a file; counts what was accepted, and what was rejected by line and reason.

    Ends with 1 when any record was rejected. / 报送文件。
    """
    settings = settings_or_fail()
    try:
        rows = list(read_records(file))
        delivery = _deliver(rows, gateway_url(url, settings), api_key(key, settings, "feeder"), authority, wait)
    except FileUnreadable as error:
        fail(str(error), MISUSE)
    except DeliveryFailed as error:
        fail(str(error))
    if json:
        print_json(asdict(delivery))
    else:
        _print(delivery, wait=wait)
    if delivery.rejected:
        raise typer.Exit(REFUSED)


def _deliver(rows: list[Row], url: str, key: str, authority: str, wait: bool) -> Delivery:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, transient=True) as progress:
        task = progress.add_task("records / 记录", total=len(rows))
        return asyncio.run(deliver(url, key, authority, rows, wait=wait, progress=lambda n: progress.advance(task, n)))


def _print(delivery: Delivery, *, wait: bool) -> None:
    settled = f", applied {delivery.applied}, superseded {delivery.superseded}" if wait else ""
    out.print(f"accepted {delivery.accepted}{settled}, rejected {len(delivery.rejected)}", highlight=False)
    for fault in delivery.rejected[:_SHOWN]:
        out.print(
            f"  line {fault['line']}: {fault['code']} at {fault['path']}: {fault['reason']} / {fault['reason_zh']}"
            + (f" ({fault['detail']})" if fault.get("detail") else ""),
            highlight=False,
            markup=False,
            soft_wrap=True,
        )
    if len(delivery.rejected) > _SHOWN:
        out.print(f"  … and {len(delivery.rejected) - _SHOWN} more; --json shows all", markup=False)
