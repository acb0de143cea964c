"""``creditgate register``: look into the register as its operator."""

import asyncio
import sys
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
import redis.asyncio as redis_client
import typer
from sqlalchemy.exc import SQLAlchemyError

from config.settings import Settings
from creditgate.cli.terminal import MISUSE, REFUSED, JsonOption, fail, out, print_json, settings_or_fail
from rules.calendar import civil_day
from rules.identity.identifiers import Identifier, InvalidIdentifierError, parse_identifier
from rules.identity.subject import SubjectKeys
from rules.listings.validity import in_force
from store.db.engine import connect
from store.ledger.feed_events import record_counts
from store.register.reader import LookUp, RegisterReader, RegisterUnavailableError

_DEADLINE = 5.0
app = typer.Typer(no_args_is_help=True, help="The register: listings in force now. / 名单库。")


@app.command()
def show(
    id: Annotated[str, typer.Argument(help="Identifier; '-' reads it from stdin, out of the history.")],
    json: JsonOption = False,
) -> None:
    """Every listing of a subject; ends with 1 when there is none. / 查看某一主体的全部记录。"""
    settings = settings_or_fail()
    today = civil_day(datetime.now(UTC))
    try:
        number = parse_identifier(sys.stdin.readline() if id == "-" else id, today=today)
        if not isinstance(number, Identifier):
            fail("A whole identifier is needed. / 需要完整的证件号码。", MISUSE)
        key = SubjectKeys(settings.pepper_bytes()).subject(number.canonical)
        listings = asyncio.run(_look_up(settings, [key])).listings[key]
    except InvalidIdentifierError as fault:
        fail(f"{fault.code}: {fault.message} / {fault.message_zh}", MISUSE)
    except RegisterUnavailableError as error:
        fail(error.code)
    except ValueError as error:
        fail(str(error), MISUSE)
    shown = [msgspec.to_builtins(item) | {"in_force": in_force(item.valid_until, today)} for item in listings]
    if json:
        print_json(shown)
    else:
        for item in shown:
            out.print_json(data=item)
        out.print(f"{len(shown)} listing(s) of {number.masked()}", highlight=False)
    if not shown:
        raise typer.Exit(REFUSED)


@app.command()
def stats(json: JsonOption = False) -> None:
    """How much the register holds, and what became of the records. / 名单库统计。"""
    settings = settings_or_fail()
    try:
        document = asyncio.run(_stats(settings))
    except RegisterUnavailableError as error:
        fail(error.code)
    except (SQLAlchemyError, OSError) as error:
        fail(f"ledger: {type(error).__name__}")
    if json:
        print_json(document)
        return
    for name, value in document.items():
        out.print(f"{name:<24}{value}", highlight=False)


async def _look_up(settings: Settings, keys: list[str]) -> LookUp:
    async with redis_client.from_url(settings.redis_url.get_secret_value()) as redis:
        return await RegisterReader(redis, _DEADLINE).look_up(keys)


async def _stats(settings: Settings) -> dict[str, Any]:
    state = (await _look_up(settings, [])).state
    engine = connect(settings.ledger_url.get_secret_value())
    try:
        counts = await record_counts(engine)
    finally:
        await engine.dispose()
    document: dict[str, Any] = {"epoch": state.epoch, "sequence": state.sequence, "listings": state.listings}
    return document | {f"records_{outcome}": count for outcome, count in sorted(counts.items())}
