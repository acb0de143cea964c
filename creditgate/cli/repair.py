"""``creditgate repair``: whether a listing may be repaired, and which condition decides. Grants nothing."""

from typing import Annotated, Any

import typer

from creditgate.cli.api_client import call
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

app = typer.Typer(no_args_is_help=True, help="Credit repair: explained answers. / 信用修复：说明性结果。")
_MARKS = {"yes": "✓", "no": "✗", "unknown": "?"}


@app.callback()
def repair() -> None:
    """Credit repair: explained answers. / 信用修复：说明性结果。"""


@app.command()
def check(
    listing: Annotated[str, typer.Argument(help="Id of the listing, as checks and receipts show it.")],
    fact: Annotated[
        list[str] | None,
        typer.Option("--fact", help="A stated fact, as fulfilled_on=2026-05-01 or impact_eliminated=true; repeat."),
    ] = None,
    operator: Annotated[str | None, typer.Option("--operator", help="Person who asks.")] = None,
    purpose: Annotated[str | None, typer.Option("--purpose", help="Purpose of the query.")] = None,
    url: UrlOption = None,
    key: KeyOption = None,
    json: JsonOption = False,
) -> None:
    """Whether each measure's conditions of repair are met today; exits with 1 unless they are. / 查看修复条件。"""
    settings = settings_or_fail()
    query = dict(map(_fact, fact or ()))
    query |= {name: value for name, value in (("operator", operator), ("purpose", purpose)) if value}
    address = f"{gateway_url(url, settings)}/v1/listings/{listing}/repair"
    document = call("GET", address, api_key(key, settings, "centre"), query=query, as_json=json)
    if json:
        print_json(document)
    else:
        _print(document)
    if document["eligible"] != "yes":
        raise typer.Exit(REFUSED)


def _fact(fact: str) -> tuple[str, str]:
    name, found, value = fact.partition("=")
    if not found:
        fail(f"--fact needs NAME=VALUE, not {name} / 须为 名称=取值", MISUSE)
    return name, value


def _print(document: dict[str, Any]) -> None:
    out.print(f"eligible / 是否符合: {document['eligible']}  ({document['governing']}, {document['regime']})")
    if document["conflict"]:
        out.print("the two measures answer differently / 两办法结论不一致", style="yellow")
    for measure in document["measures"]:
        applies = "" if measure["applies"] else "  (not for this kind of record / 不适用于此类记录)"
        earliest = f"  from / 最早 {measure['earliest']}" if measure["earliest"] else ""
        out.print(f"\n{measure['code']}: {measure['eligible']}{earliest}{applies}", highlight=False, markup=False)
        for condition in measure["conditions"]:
            decides = " ←" if condition["code"] in measure["deciding"] and measure["eligible"] != "yes" else ""
            out.print(
                f"  {_MARKS[condition['holds']]} {condition['article']} {condition['text_zh']} / {condition['text_en']}"
                f"\n      {condition['because_zh']} / {condition['because_en']}{decides}",
                highlight=False,
                markup=False,
                soft_wrap=True,
            )
    out.print(f"\n{document['note_zh']} / {document['note_en']}", highlight=False, markup=False, soft_wrap=True)
