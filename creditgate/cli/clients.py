"""``creditgate clients``: who may call."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import msgspec
import typer
from rich.table import Table
from sqlalchemy.exc import SQLAlchemyError

from config.files import ConfigError, load_departments
from config.policy_file import load_policy
from config.settings import Settings
from creditgate.cli.terminal import MISUSE, JsonOption, err, fail, out, print_json, settings_or_fail
from rules.calendar import from_milliseconds, rfc3339
from rules.vocabulary import DataClass
from store.db.engine import connect
from store.db.migrate import migrate
from store.platforms.clients import ClientExistsError, ClientNameInvalidError, ClientStore, Grants

T = TypeVar("T")
app = typer.Typer(no_args_is_help=True, help="Clients and their API keys. / 客户端与密钥。")


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="Name of the client, as trading-centre.")],
    scene: Annotated[list[str] | None, typer.Option("--scene", help="Scene it may check; '*' for all; repeat.")] = None,
    data_class: Annotated[
        list[DataClass] | None,
        typer.Option("--data-class", help="Data class it may use; repeat. public unless given."),
    ] = None,
    feed: Annotated[list[str] | None, typer.Option("--feed", help="Authority it may feed for; repeat.")] = None,
    release: Annotated[bool, typer.Option("--release", help="It may release locks.")] = False,
    quarantine: Annotated[bool, typer.Option("--quarantine", help="It may release or discard held feeds.")] = False,
    inspect: Annotated[bool, typer.Option("--inspect", help="It may read metrics and the state of feeds.")] = False,
    operator: Annotated[str | None, typer.Option("--operator", help="Fixed operator of an unattended system.")] = None,
    purpose: Annotated[str | None, typer.Option("--purpose", help="Fixed purpose of an unattended system.")] = None,
    rate: Annotated[
        float | None, typer.Option("--rate", min=0.01, help="Checks a second it may ask of one gateway process.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Register a client and show its key, once. / 登记客户端，密钥只显示一次。"""
    settings = settings_or_fail()
    _must_exist(settings, scene or [], feed or [])
    grants = Grants(
        scenes=frozenset(scene or ()),
        classes=frozenset(data_class or (DataClass.PUBLIC,)),
        feeds=frozenset(feed or ()),
        release=release,
        quarantine=quarantine,
        inspect=inspect,
        operator=operator,
        purpose=purpose,
        rate=rate,
    )
    try:
        key = _with_registry(settings, lambda registry: registry.add(name, grants))
    except ClientNameInvalidError as error:
        fail(f"{error.__doc__} / 名称只能含字母、数字、点、下划线和连字符。", MISUSE)
    except ClientExistsError:
        fail(f"A client {name} exists or existed; names are not used twice. / 该名称已被使用。")
    if json:
        print_json({"client": name, "key": key})
    else:
        err.print("This key is shown once and kept only as a hash. / 密钥只显示这一次，系统仅保存其摘要。")
        out.print(key, highlight=False, soft_wrap=True)


@app.command("list")
def list_(json: JsonOption = False) -> None:
    """Every client that was ever registered. / 列出客户端。"""
    found = _with_registry(settings_or_fail(), lambda registry: registry.all())
    if json:
        print_json([msgspec.to_builtins(client) for client in found])
        return
    columns = ("client", "scenes", "classes", "feeds", "release", "quarantine", "inspect", "rate", "created", "revoked")
    table = Table(*columns)
    for client in found:
        grants = client.grants
        revoked = rfc3339(from_milliseconds(client.revoked_at)) if client.revoked_at else ""
        lists = (", ".join(sorted(values)) for values in (grants.scenes, grants.classes, grants.feeds))
        flags = ("yes" if flag else "" for flag in (grants.release, grants.quarantine, grants.inspect))
        rate = "" if grants.rate is None else f"{grants.rate:g}"
        table.add_row(client.id, *lists, *flags, rate, rfc3339(from_milliseconds(client.created_at)), revoked)
    out.print(table)


@app.command()
def revoke(name: Annotated[str, typer.Argument(help="Name of the client.")]) -> None:
    """Revoke a client for good; it stops working within seconds. / 吊销客户端。"""
    if not _with_registry(settings_or_fail(), lambda registry: registry.revoke(name)):
        fail(f"No client {name} is in use. / 没有在用的该客户端。")
    out.print(f"{name} revoked / 已吊销", highlight=False)


def _must_exist(settings: Settings, scenes: list[str], feeds: list[str]) -> None:
    try:
        known_scenes = load_policy(settings.policy).pack.scenes
        authorities = load_departments(settings.departments).departments
    except ConfigError as error:
        fail(str(error), MISUSE)
    for scene in scenes:
        if scene != "*" and scene not in known_scenes:
            fail(f"No scene {scene}; there are: {', '.join(known_scenes)}", MISUSE)
    for authority in feeds:
        if authority not in authorities:
            fail(f"No authority {authority}; there are: {', '.join(authorities)}", MISUSE)


def _with_registry(settings: Settings, action: Callable[[ClientStore], Awaitable[T]]) -> T:
    async def run() -> T:
        engine = connect(settings.ledger_url.get_secret_value())
        try:
            await migrate(engine)
            return await action(ClientStore(engine))
        finally:
            await engine.dispose()

    try:
        return asyncio.run(run())
    except (ClientExistsError, ClientNameInvalidError):
        raise
    except (SQLAlchemyError, OSError) as error:
        fail(f"ledger: {type(error).__name__}")
