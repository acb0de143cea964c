"""``creditgate register rebuild|verify`` and ``creditgate ledger verify``: make it anew, and prove that it is right."""

from collections.abc import Callable
from datetime import UTC, datetime

import typer
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from creditgate.cli.stores import Stores, with_stores
from creditgate.cli.terminal import REFUSED, JsonOption, err, fail, out, print_json, settings_or_fail
from rules.calendar import civil_day, to_milliseconds
from store.db.schema import CHAINED, feed_events
from store.register import keys as register_keys
from store.register.diff import MAX_EXAMPLES, RegisterDiff
from store.register.rebuild import Rebuild, RebuildResult, RebuildRunningError
from store.register.verify import Verification
from store.register.writer import RegisterNotLoadedError

ledger_app = typer.Typer(no_args_is_help=True, help="The ledger: everything that was received and decided. / 档案。")


@ledger_app.callback()
def ledger() -> None:
    """The ledger: everything that was received and decided. / 档案。"""


@ledger_app.command("verify")
def verify_ledger(json: JsonOption = False) -> None:
    """Check every row against its chain; ends with 1 when one was altered or is missing. / 核验档案链。"""
    checked, faults = with_stores(settings_or_fail(), _ledger_faults)
    if json:
        print_json({"tables": checked, "faults": faults})
    else:
        for fault in faults:
            out.print(fault, style="red", highlight=False, markup=False, soft_wrap=True)
        rows = ", ".join(f"{name} {count}" for name, count in checked.items())
        out.print(
            f"{rows}: {'clean / 无异常' if not faults else 'NOT clean / 存在异常'}", highlight=False, soft_wrap=True
        )
    if faults:
        raise typer.Exit(REFUSED)


async def _ledger_faults(backends: Stores) -> tuple[dict[str, int], list[str]]:
    chain = backends.book.chain
    faults = [fault for table in CHAINED async for fault in chain.verify(backends.engine, table)]
    checked = {}
    async with backends.engine.connect() as connection:
        for table in CHAINED:
            checked[table.name], _ = await chain.head(connection, table)
    # The chain cannot tell that its end was cut off; the register remembers how far it once was.
    mark = int(await backends.redis.hget(register_keys.METADATA, "ledger_id") or 0)
    if mark > checked[feed_events.name]:
        faults.append(f"{feed_events.name}: rows {checked[feed_events.name] + 1} to {mark} are missing at the end")
    return checked, faults


def rebuild(json: JsonOption = False) -> None:
    """Make the register anew from the ledger beside the running one, and swap it in. / 由档案重建名单库并切换。"""
    now = datetime.now(UTC)
    columns = (SpinnerColumn(), TextColumn("{task.description} {task.completed:.0f}"), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=True) as progress:
        task = progress.add_task("listings / 记录", total=None)
        done = with_stores(settings_or_fail(), lambda b: _rebuild(b, now, lambda n: progress.advance(task, n)))
    if json:
        print_json({"generation": done.generation, "corrected": done.corrected, "listings": done.written})
    else:
        out.print(f"{done.written} listings, {done.corrected} rows corrected: swapped in / 已切换", highlight=False)


async def _rebuild(backends: Stores, now: datetime, progress: Callable[[int], None]) -> RebuildResult:
    try:
        return await Rebuild(backends.engine, backends.redis, backends.book).run(
            to_milliseconds(now), civil_day(now), progress
        )
    except RegisterNotLoadedError:
        fail("There is no register to stand beside; the worker fills it. / 名单库尚未就绪，由流处理装载。")
    except RebuildRunningError:
        fail("Another rebuild is running. / 另一重建正在进行。")


def verify(json: JsonOption = False) -> None:
    """Compare ledger and register by count and digest; names what differs, and ends with 1. / 核对档案与名单库。"""
    found = with_stores(settings_or_fail(), _compare)
    if json:
        print_json(_document(found))
    else:
        _print(found)
    if not found.clean:
        raise typer.Exit(REFUSED)


async def _compare(backends: Stores) -> RegisterDiff:
    try:
        return await Verification(backends.engine, backends.redis, backends.book).run(civil_day(datetime.now(UTC)))
    except RegisterNotLoadedError:
        fail("register_not_loaded")


def _document(found: RegisterDiff) -> dict[str, object]:
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


def _print(found: RegisterDiff) -> None:
    for name, side in (("ledger / 档案", found.ledger), ("register / 名单库", found.register)):
        out.print(f"{name}: {side.count} in force, {side.digest}", highlight=False, soft_wrap=True)
    out.print(
        "replicas of the gateways are not compared: each reloads after a gap in the change log / "
        "不比对网关副本：变更日志出现缺口时，副本自行重新装载"
    )
    for kind, count in found.counts.items():
        out.print(f"{kind}: {count}", style="red", highlight=False)
        out.print("\n".join(f"  {key}" for key in found.examples[kind]), highlight=False)
        if count > MAX_EXAMPLES:
            out.print(f"  … and {count - MAX_EXAMPLES} more / 其余未列")
    out.print("clean / 一致" if found.clean else "NOT clean / 不一致")
