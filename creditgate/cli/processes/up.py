"""``creditgate up``: run everything on this machine, and stop it together."""

import asyncio
import os
import sys
from time import monotonic
from typing import Annotated

import typer
from pydantic import ValidationError

from config.files import ConfigError, load_departments
from config.logs import set_up_logs
from config.policy_file import load_policy
from config.settings import Settings, load_settings
from creditgate.cli.processes.options import WorkersOption
from creditgate.cli.terminal import MISUSE, err, fail, out
from creditgate.embedded.data_dir import (
    DataDirectoryInUseError,
    claim_directory,
    demo_key,
    embedded_settings,
    ensure_pepper,
)
from creditgate.embedded.seeding import seed_samples
from creditgate.embedded.supervisor import ProcessGroup, StartFailedError, until_stopped
from gateway.process.listener import port_is_free


def up(
    seed: Annotated[bool, typer.Option("--seed", help="Upload the sample records of config/samples once.")] = False,
    workers: WorkersOption = 1,
) -> None:
    """Run everything on this machine: Valkey, ledger, Faust worker and gateway. / 一键启动。"""
    try:
        settings = load_settings()
        load_policy(settings.policy)
        load_departments(settings.departments)
    except (ValidationError, ConfigError, ValueError, OSError) as error:
        fail(f"settings: {error}", MISUSE)
    os.umask(0o077)  # files of the data directory are for its owner only
    try:
        lock = claim_directory(settings.data)
    except DataDirectoryInUseError as error:
        fail(str(error))
    except OSError as error:
        fail(f"{settings.data}: {error.strerror}")
    if not port_is_free(settings.host, settings.port):
        fail(f"Port {settings.port} on {settings.host} is taken; set CREDITGATE_PORT. / 端口已被占用。")
    ensure_pepper(settings)
    set_up_logs("console")
    asyncio.run(_up(embedded_settings(settings), lock, seed=seed, workers=workers))


async def _up(settings: Settings, lock: int, *, seed: bool, workers: int) -> None:
    began = monotonic()
    group = ProcessGroup(settings, lock, workers=workers)
    stopping = asyncio.create_task(until_stopped())
    starting = asyncio.create_task(_start(group, settings, seed=seed))
    try:
        await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            seeded = starting.result()
            _print_welcome(settings, group.url, monotonic() - began, seeded=seeded)
            await stopping
    except StartFailedError as error:
        fail(str(error))
    finally:
        starting.cancel()
        err.print("stopping / 正在停止")
        await group.stop()


async def _start(group: ProcessGroup, settings: Settings, *, seed: bool) -> bool:
    def announce(line: str) -> None:
        err.print(f"· {line}", highlight=False)

    await group.start(announce)
    return await seed_samples(group.url, settings, announce) if seed else False


def _print_welcome(settings: Settings, url: str, seconds: float, *, seeded: bool) -> None:
    key = demo_key(settings, "demo")
    out.print(f"\nCreditGate 信用闸门 is up after {seconds:.1f} s / 已就绪", style="bold green", highlight=False)
    lines = [
        f"address / 地址      {url}",
        f"demo key / 演示密钥  {key}",
        f"pages / 页面        {url}/docs   (user: demo, password: the key / 用户名 demo，密码为密钥)",
        f"                    {url}/livez  {url}/readyz  {url}/metrics",
    ]
    if seeded or (settings.data / "seeded").exists():
        body = (
            '{"scene": "bidding.qualification", "transaction_id": "T-2026-001", "account_id": "bidder-17",'
            ' "operator": "window-3", "purpose": "投标资格审查",'
            ' "subjects": [{"role": "bidder", "id": "91320800MA1TE5T0XK"}]}'
        )
        lines += [
            "",
            "try it: this bidder is intercepted / 试一试：该投标人将被拦截",
            "",
            f"curl -s -X POST {url}/v1/checks -H 'Authorization: Bearer {key}' \\",
            f"  -H 'Content-Type: application/json' -d '{body}'",
        ]
    sys.stdout.write("\n".join([*lines, "", "Ctrl-C stops everything / 按 Ctrl-C 停止", ""]))
    sys.stdout.flush()
