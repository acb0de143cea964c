"""``creditgate check``: ask the gateway about one subject."""

import asyncio
import getpass
import sys
from typing import Annotated, Any
from uuid import uuid4

import orjson
import typer
from aiohttp import ClientError, ClientSession, ClientTimeout

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

_STOPS = ("review", "lock", "intercept")
_COLOURS = {"fast_track": "bold green", "allow": "green", "warn": "yellow", "review": "magenta"}


def check(
    scene: Annotated[str, typer.Option("--scene", "-s", help="Kind of transaction, as bidding.qualification.")],
    id: Annotated[
        str | None, typer.Option("--id", help="Identifier; '-' reads it from stdin, out of the history.")
    ] = None,
    name: Annotated[str | None, typer.Option("--name", help="Name; alone it can at most cause a review.")] = None,
    role: Annotated[str, typer.Option("--role", help="Role of the subject.")] = "applicant",
    transaction: Annotated[str | None, typer.Option("--transaction", help="Id of the transaction.")] = None,
    account: Annotated[str | None, typer.Option("--account", help="The subject's account on the platform.")] = None,
    operator: Annotated[str | None, typer.Option("--operator", help="Who asks; the login name unless given.")] = None,
    purpose: Annotated[str, typer.Option("--purpose", help="What for.")] = "命令行核查",
    url: UrlOption = None,
    key: KeyOption = None,
    json: JsonOption = False,
) -> None:
    """Check one subject; ends with 0 when the transaction may go on, 1 when it may not. / 比对一个主体。"""
    settings = settings_or_fail()
    if id is None and name is None:
        fail("--id or --name is needed. / 需要 --id 或 --name。", MISUSE)
    subject = {"role": role, "id": sys.stdin.readline().strip() if id == "-" else id, "name": name}
    body = {
        "scene": scene,
        "transaction_id": transaction or f"cli-{uuid4().hex[:12]}",
        "account_id": account,
        "operator": operator or getpass.getuser(),
        "purpose": purpose,
        "subjects": [subject],
    }
    status, document = asyncio.run(_post(gateway_url(url, settings), api_key(key, settings, "demo"), body))
    if json:
        print_json(document)
    elif status == 200:
        _print(document)
    if status != 200:
        if json:
            raise typer.Exit(MISUSE if status < 500 else REFUSED)
        detail = document.get("detail", "")
        line = f"{status} {document['code']}: {document['title']} / {document['title_zh']}\n{detail}".strip()
        fail(line, MISUSE if status < 500 else REFUSED)
    if document["outcome"] in _STOPS:
        raise typer.Exit(REFUSED)


async def _post(url: str, key: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    try:
        async with (
            ClientSession(timeout=ClientTimeout(total=30)) as session,
            session.post(f"{url}/v1/checks", data=orjson.dumps(body), headers=headers) as response,
        ):
            return response.status, orjson.loads(await response.read())
    except (ClientError, OSError, TimeoutError, orjson.JSONDecodeError) as error:
        fail(f"The gateway at {url} does not answer ({type(error).__name__}). / 网关无响应。")


def _print(document: dict[str, Any]) -> None:
    outcome = document["outcome"]
    out.print(outcome.upper(), style=_COLOURS.get(outcome, "bold red"))
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
    for measure in document["measures"]:
        out.print(f"  {measure['code']} {measure['text']} {measure['basis']}", highlight=False, markup=False)
    for lock in document["locks"]:
        out.print(f"  lock {lock['id']} holds the {lock['scope']} since {lock['held_since']}", highlight=False)
    out.print(f"  decision {document['decision_id']}", style="dim", highlight=False)
