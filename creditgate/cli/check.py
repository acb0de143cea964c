"""``creditgate check``: check one subject, or every line of a file, at the gateway."""

import getpass
import sys
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Annotated, Any
from uuid import uuid4

import typer
from rich.table import Table

from creditgate.cli.api_client import call
from creditgate.cli.check_csv import FileCheck, ResultRow, checks_in, result_rows, write_results
from creditgate.cli.terminal import (
    MISUSE,
    REFUSED,
    JsonOption,
    KeyOption,
    UrlOption,
    api_key,
    fail,
    gateway_url,
    out,
    print_json,
    settings_or_fail,
)
from intake.files.tables import FileUnreadableError, kind_of

_BLOCKING = ("review", "lock", "intercept", "problem")
_COLOURS = {"fast_track": "bold green", "allow": "green", "warn": "yellow", "review": "magenta"}
_BATCH_CHECKS = 200
_PRINTED_ROWS = 50


def check(
    scene: Annotated[str, typer.Option("--scene", "-s", help="Kind of transaction, as bidding.qualification.")],
    id: Annotated[
        str | None, typer.Option("--id", help="Identifier; '-' reads it from stdin, so that no history has it.")
    ] = None,
    name: Annotated[str | None, typer.Option("--name", help="Name; alone it can at most cause a review.")] = None,
    file: Annotated[
        Path | None,
        typer.Option("--file", help="CSV, TSV, XLSX, XLS, NDJSON with columns id, name, role, transaction_id, amount."),
    ] = None,
    result: Annotated[
        Path | None, typer.Option("--result", help="File for the results. Default: FILE.result.csv.")
    ] = None,
    role: Annotated[str, typer.Option("--role", help="Role of the subject.")] = "applicant",
    transaction: Annotated[str | None, typer.Option("--transaction", help="Id of the transaction.")] = None,
    account: Annotated[str | None, typer.Option("--account", help="The subject's account on the platform.")] = None,
    amount: Annotated[float | None, typer.Option("--amount", help="Amount in yuan.")] = None,
    region: Annotated[str | None, typer.Option("--region", help="Region, six digits.")] = None,
    operator: Annotated[str | None, typer.Option("--operator", help="Person who asks. Default: login name.")] = None,
    purpose: Annotated[str, typer.Option("--purpose", help="Purpose of the query.")] = "命令行核查",
    url: UrlOption = None,
    key: KeyOption = None,
    json: JsonOption = False,
) -> None:
    """Check a subject or a file of subjects; exits with 0 when all may proceed, 1 when one may not. / 比对主体。"""
    settings = settings_or_fail()
    if sum(given is not None for given in (id or name, file)) != 1:
        fail("Give --id or --name, or --file. / 需要 --id 或 --name，或者 --file。", MISUSE)
    address, secret = gateway_url(url, settings), api_key(key, settings, "demo")
    common: dict[str, Any] = {"scene": scene, "operator": operator or getpass.getuser(), "purpose": purpose}
    if file is not None:
        _check_file(file, result or file.with_suffix(".result.csv"), common, role, f"{address}/v1", secret, json=json)
        return
    subject = {"role": role, "id": sys.stdin.readline().strip() if id == "-" else id, "name": name}
    body = common | {"transaction_id": transaction or f"cli-{uuid4().hex[:12]}", "subjects": [subject]}
    optional = {"account_id": account, "amount": amount, "region": region}
    body |= {name: value for name, value in optional.items() if value is not None}
    document = call("POST", f"{address}/v1/checks", secret, body=body, as_json=json)
    if json:
        print_json(document)
    else:
        _print(document)
    if document["outcome"] in _BLOCKING:
        raise typer.Exit(REFUSED)


def _check_file(path: Path, result: Path, common: dict[str, Any], role: str, url: str, key: str, *, json: bool) -> None:
    rows: list[ResultRow] = []
    try:
        with path.open("rb") as file:
            checks = checks_in(file, kind_of(path.name), common, role)
            while batch := list(islice(checks, _BATCH_CHECKS)):
                rows += _results(batch, url, key)
        written = write_results(result, rows)
    except FileUnreadableError as error:
        fail(f"{path}: {error}", MISUSE)
    except OSError as error:
        fail(f"{error.filename}: {error.strerror}", MISUSE)
    outcomes = Counter(row.outcome for row in rows)
    if json:
        print_json({"rows": written, "outcomes": outcomes, "result": str(result)})
    else:
        _print_table(rows, outcomes, result)
    if not written or any(outcomes[name] for name in _BLOCKING):
        raise typer.Exit(REFUSED)


def _results(batch: list[FileCheck], url: str, key: str) -> Iterator[ResultRow]:
    """The result rows of one batch; lines that could not be read are not sent."""
    bodies = [item.body for item in batch if item.fault is None]
    results = iter(call("POST", f"{url}/checks/batch", key, body={"checks": bodies})["results"] if bodies else ())
    for item in batch:
        if item.fault is not None:
            notes = f"{item.fault.code}: {item.fault.text.zh}"
            yield ResultRow(str(item.lines[0]), outcome="problem", notes=notes)
        else:
            yield from result_rows(item, next(results))


def _print_table(rows: list[ResultRow], outcomes: Counter[str], result: Path) -> None:
    table = Table("line", "outcome", "id", "measures / problem")
    for row in [row for row in rows if row.outcome != "allow"][:_PRINTED_ROWS]:
        style = _COLOURS.get(row.outcome, "bold red")
        table.add_row(row.line, f"[{style}]{row.outcome}[/]", row.masked_id, row.measures or row.notes)
    if table.row_count:
        out.print(table)
    out.print(", ".join(f"{name} {count}" for name, count in sorted(outcomes.items())) or "no rows / 没有记录")
    out.print(f"results / 结果: {result}", highlight=False, soft_wrap=True)


def _print(document: dict[str, Any]) -> None:
    outcome = document["outcome"]
    out.print(outcome.upper(), style=_COLOURS.get(outcome, "bold red"))
    for unknown in document["unknown"]:
        out.print(f"  indeterminate / 无法确认: {unknown['code']} {unknown['authority'] or ''} {unknown['detail']}")
    for subject in document["subjects"]:
        for listing in subject["listings"]:
            until = listing["valid_until"] or "—"
            out.print(
                f"  {listing['list']} {listing['category']} {listing['severity']}: {listing['authority_name']}"
                f" {listing['document_no']}, {listing['determined_on']} → {until}",
                highlight=False,
                markup=False,
            )
        for note in subject["notes"]:
            out.print(f"  note: {note}")
    for message in document["messages"]:
        out.print(f"  {message['zh']}", highlight=False, markup=False)
    for measure in document["measures"]:
        out.print(f"  {measure['code']} {measure['text']} {measure['basis']}", highlight=False, markup=False)
    for lock in document["locks"]:
        out.print(f"  lock {lock['id']} of the {lock['scope']} since {lock['held_since']}", highlight=False)
    out.print(f"  decision {document['decision_id']}", style="dim", highlight=False)
