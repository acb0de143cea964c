"""``creditgate register``: look into the register, rebuild it from the ledger, and compare the two."""

import asyncio
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
import redis.asyncio as redis_client
import typer
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from sqlalchemy.exc import SQLAlchemyError

from config.settings import Settings
from creditgate.cli.stores import Stores, with_stores
from creditgate.cli.terminal import MISUSE, REFUSED, JsonOption, err, fail, out, print_json, settings_or_fail
from rules.calendar import civil_day, to_milliseconds
from rules.identity.identifiers import Identifier, InvalidIdentifierError, parse_identifier
from rules.identity.subject import SubjectKeys
from rules.listings.validity import in_force
from store.db.engine import connect
from store.ledger.feed_events import record_counts
from store.register.diff import MAX_EXAMPLES, RegisterDiff
from store.register.reader import LookUp, RegisterReader, RegisterUnavailableError
from store.register.rebuild import Rebuild, RebuildResult, RebuildRunningError
from store.register.verify import Verification
from store.register.writer import RegisterNotLoadedError

_LOOK_UP_DEADLINE_S = 5.0
app = typer.Typer(no_args_is_help=True, help="The register: listings in force now. / 名单库。")


@app.command()
def show(
    id: Annotated[str, typer.Argument(help="Identifier; '-' reads it from stdin, so that no history has it.")],
    json: JsonOption = False,
) -> None:
    """Print every listing of a subject; exits with 1 when there is none. / 查看某一主体的全部记录。"""
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
    """Print the size of the register, and the number of records by outcome. / 名单库统计。"""
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
        return await RegisterReader(redis, _LOOK_UP_DEADLINE_S).look_up(keys)


async def _stats(settings: Settings) -> dict[str, Any]:
    state = (await _look_up(settings, [])).state
    engine = connect(settings.ledger_url.get_secret_value())
    try:
        counts = await record_counts(engine)
    finally:
        await engine.dispose()
    document: dict[str, Any] = {"epoch": state.epoch, "sequence": state.sequence, "listings": state.listings}
    return document | {f"records_{outcome}": count for outcome, count in sorted(counts.items())}


@app.command()
def rebuild(json: JsonOption = False) -> None:
    """Build the register from the ledger beside the running one, and swap it in. / 由档案重建名单库并切换。"""
    now = datetime.now(UTC)
    columns = (SpinnerColumn(), TextColumn("{task.description} {task.completed:.0f}"), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=True) as progress:
        task = progress.add_task("listings / 记录", total=None)
        done = with_stores(settings_or_fail(), lambda b: _rebuild(b, now, lambda n: progress.advance(task, n)))
    if json:
        print_json({"generation": done.generation, "corrected": done.corrected, "listings": done.written})
    else:
        out.print(f"{done.written} listings, {done.corrected} rows corrected: swapped in / 已切换", highlight=False)


async def _rebuild(stores: Stores, now: datetime, progress: Callable[[int], None]) -> RebuildResult:
    try:
        return await Rebuild(stores.engine, stores.redis, stores.listing_store).run(
            to_milliseconds(now), civil_day(now), progress
        )
    except RegisterNotLoadedError:
        fail("The register is not loaded yet; the worker loads it. / 名单库尚未就绪，由流处理装载。")
    except RebuildRunningError:
        fail("Another rebuild is running. / 另一重建正在进行。")


@app.command()
def verify(json: JsonOption = False) -> None:
    """Compare ledger and register by count and digest; exits with 1 and names what differs. / 核对档案与名单库。"""
    found = with_stores(settings_or_fail(), _compare)
    if json:
        print_json(_comparison_document(found))
    else:
        _print_comparison(found)
    if not found.clean:
        raise typer.Exit(REFUSED)


async def _compare(stores: Stores) -> RegisterDiff:
    try:
        return await Verification(stores.engine, stores.redis, stores.listing_store).run(civil_day(datetime.now(UTC)))
    except RegisterNotLoadedError:
        fail("register_not_loaded")


def _comparison_document(found: RegisterDiff) -> dict[str, object]:
    return {
        "clean": found.clean,
        "listings": found.listings,
        "ledger": {"in_force": found.ledger.count, "digest": found.ledger.digest},
        "register": {"in_force": found.register.count, "digest": found.register.digest},
        "replicas": {},
        "differences": {
            kind.value: {"count": count, "listings": found.examples[kind]} for kind, count in found.counts.items()
        },
    }


def _print_comparison(found: RegisterDiff) -> None:
    for name, side in (("ledger / 档案", found.ledger), ("register / 名单库", found.register)):
        out.print(f"{name}: {side.count} in force, {side.digest}", highlight=False, soft_wrap=True)
    out.print("replicas of the gateways are not compared: each reloads after a gap in the change log")
    out.print("不比对网关副本：变更日志出现缺口时，副本自行重新装载")
    for kind, count in found.counts.items():
        out.print(f"{kind}: {count}", style="red", highlight=False)
        out.print("\n".join(f"  {key}" for key in found.examples[kind]), highlight=False)
        if count > MAX_EXAMPLES:
            out.print(f"  … and {count - MAX_EXAMPLES} more / 其余未列")
    out.print("clean / 一致" if found.clean else "NOT clean / 不一致")
