"""``creditgate feeds``: the state of all feeds, and decisions on those in quarantine, for the credit centre."""

from collections.abc import Iterator
from typing import Annotated, Any

import typer

from creditgate.cli.api_client import call
from creditgate.cli.terminal import (
    REFUSED,
    JsonOption,
    KeyOption,
    UrlOption,
    api_key,
    gateway_url,
    out,
    print_json,
    settings_or_fail,
)

app = typer.Typer(no_args_is_help=True, help="State of all feeds, and their quarantine. / 报送情况与暂存处置。")

AuthorityArgument = Annotated[str, typer.Argument(help="Code of the authority, as in departments.yaml.")]
OperatorOption = Annotated[str | None, typer.Option("--operator", help="Person who decides.")]
ReasonOption = Annotated[str, typer.Option("--reason", help="Reason, kept in the ledger.")]


@app.command()
def status(url: UrlOption = None, key: KeyOption = None, json: JsonOption = False) -> None:
    """State of each feed; exits with 1 when one is in quarantine, silent too long or late. / 报送情况。"""
    settings = settings_or_fail()
    document = call(
        "GET",
        f"{gateway_url(url, settings)}/v1/feeds/status",
        api_key(key, settings, "centre"),
        as_json=json,
    )
    if json:
        print_json(document)
    else:
        _print(document["feeds"])
    if any(map(_needs_attention, document["feeds"])):
        raise typer.Exit(REFUSED)


@app.command()
def release(
    authority: AuthorityArgument,
    reason: ReasonOption,
    operator: OperatorOption = None,
    url: UrlOption = None,
    key: KeyOption = None,
    json: JsonOption = False,
) -> None:
    """Apply the records that an authority has in quarantine. / 核准暂存的报送。"""
    _decide(authority, "release", reason, operator, url, key, as_json=json)


@app.command()
def discard(
    authority: AuthorityArgument,
    reason: ReasonOption,
    operator: OperatorOption = None,
    url: UrlOption = None,
    key: KeyOption = None,
    json: JsonOption = False,
) -> None:
    """Discard the records that an authority has in quarantine; the ledger keeps them. / 不予采用暂存的报送。"""
    _decide(authority, "discard", reason, operator, url, key, as_json=json)


def _decide(
    authority: str, verb: str, reason: str, operator: str | None, url: str | None, key: str | None, *, as_json: bool
) -> None:
    settings = settings_or_fail()
    body: dict[str, Any] = {"reason": reason} | ({"operator": operator} if operator else {})
    document = call(
        "POST",
        f"{gateway_url(url, settings)}/v1/feeds/{authority}/hold/{verb}",
        api_key(key, settings, "centre"),
        body=body,
        as_json=as_json,
    )
    if as_json:
        print_json(document)
        return
    out.print(f"{document['hold']} ({document['cause']}): {document['state']}", highlight=False, markup=False)


def _needs_attention(feed: dict[str, Any]) -> bool:
    return bool(feed["hold"] or feed["silent_too_long"] or any(each["overdue"] for each in feed["objections"]))


def _print(feeds: list[dict[str, Any]]) -> None:
    for feed in feeds:
        out.print("\n".join(_lines(feed)), highlight=False, markup=False, soft_wrap=True)


def _lines(feed: dict[str, Any]) -> Iterator[str]:
    arrival, hold = feed["arrival"], feed["hold"]
    yield f"{'!' if _needs_attention(feed) else ' '} {feed['authority']} {feed['name']}"
    silent = f"{_text(feed['silent_working_days'])}/{_text(feed['rhythm_working_days'])}"
    yield f"    last record / 最近报送: {_text(feed['last_record_at'])}"
    yield f"    working days silent/declared / 静默/约定工作日: {silent}"
    yield f"    in force / 有效: {feed['in_force']}"
    yield f"    received / 收到: {feed['received']}, rejected / 退回: {feed['rejected']}"
    mean, allowed = _text(arrival["mean_working_days"]), arrival["allowed_working_days"]
    yield f"    late / 迟报: {arrival['late']} of {arrival['listings']}, mean {mean} of {allowed} / 平均工作日"
    for each in feed["objections"]:
        overdue = ", OVERDUE / 逾期" if each["overdue"] else ""
        yield f"    objection / 异议 {each['objection_no']} on {each['listing']}: by {each['answer_by']}{overdue}"
    if hold:
        yield f"    HELD / 暂存: {hold['cause']}, {hold['records']} records since {hold['since']}"


def _text(value: object) -> str:
    return "—" if value is None else str(value)
