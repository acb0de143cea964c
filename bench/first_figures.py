"""First figures of a running gateway: checks beside /livez in turn, and the delay from a feed to its effect."""

import asyncio
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from aiohttp import ClientSession

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.e2e.program import Program, court_record, credit_code  # noqa: E402

ROUNDS, CALLS, CONCURRENCY, FEEDS = 5, 1000, 8, 200


async def main() -> None:
    """Run everything and print a table."""
    with tempfile.TemporaryDirectory(prefix="creditgate-bench-") as directory:
        program = Program(Path(directory) / "var").start("--seed")
        try:
            key = program.cli("clients", "add", "bench", "--feed", "court", "--scene", "*").stdout.strip()
            async with ClientSession(headers={"Authorization": f"Bearer {key}"}) as session:
                await checks(session, program.url)
                await freshness(session, program.url)
        finally:
            program.stop()


async def checks(session: ClientSession, url: str) -> None:
    """Rounds of /livez, misses and hits in turn."""
    kinds: dict[str, Callable[[], Awaitable[None]]] = {
        "/livez (reference)": lambda: get(session, f"{url}/livez"),
        "check, not listed": lambda: check(session, url, credit_code(7_000_000)),
        "check, listed, warns": lambda: check(session, url, "91320800MA1TE5T0XK"),
    }
    found: dict[str, list[float]] = {name: [] for name in kinds}
    for _ in range(ROUNDS):
        for name, call in kinds.items():
            found[name] += await timed(call)
    reference = statistics.median(found["/livez (reference)"])
    for name, seconds in found.items():
        show(name, seconds, reference)


async def freshness(session: ClientSession, url: str) -> None:
    """From sending one record (before the POST) to the first check it stops."""
    seconds = []
    for serial in range(6_000_000, 6_000_000 + FEEDS):
        who = credit_code(serial)
        began = time.perf_counter()
        async with session.post(f"{url}/v1/feeds/court/records", json=court_record(f"B-{serial}", who)) as response:
            assert response.status == 202, await response.text()
        while await outcome(session, url, who, "bidding.qualification") != "intercept":
            pass
        seconds.append(time.perf_counter() - began)
    show("feed sent -> intercepted", seconds, None)


async def timed(call: Callable[[], Awaitable[None]]) -> list[float]:
    """Latencies of ``CALLS`` calls, ``CONCURRENCY`` at a time."""
    seconds: list[float] = []

    async def one_after_another() -> None:
        for _ in range(CALLS // CONCURRENCY):
            began = time.perf_counter()
            await call()
            seconds.append(time.perf_counter() - began)

    await asyncio.gather(*(one_after_another() for _ in range(CONCURRENCY)))
    return seconds


async def get(session: ClientSession, url: str) -> None:
    """One GET."""
    async with session.get(url) as response:
        await response.read()


async def check(session: ClientSession, url: str, who: str) -> None:
    """One check that neither locks nor intercepts."""
    assert await outcome(session, url, who, "finance.loan") in ("allow", "warn")


async def outcome(session: ClientSession, url: str, who: str, scene: str) -> str:
    """The outcome of one check."""
    body = {
        "scene": scene,
        "transaction_id": "bench",
        "operator": "bench",
        "purpose": "bench",
        "subjects": [{"role": "bidder", "id": who}],
    }
    async with session.post(f"{url}/v1/checks", json=body) as response:
        return str((await response.json())["outcome"])


def show(name: str, seconds: list[float], reference: float | None) -> None:
    """One row: p50, p90, p99 in ms, and the median's ratio to the reference."""
    cuts = statistics.quantiles(seconds, n=100)
    ratio = f"{statistics.median(seconds) / reference:6.2f}x" if reference else ""
    row = f"{name:<26} p50 {cuts[49] * 1e3:7.2f}  p90 {cuts[89] * 1e3:7.2f}  p99 {cuts[98] * 1e3:7.2f} ms  {ratio}"
    sys.stdout.write(row + "\n")


if __name__ == "__main__":
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, cwd=ROOT, check=False
    )
    sys.stdout.write(f"{model[1] if model else '?'}, commit {commit.stdout.strip()}, {CONCURRENCY} at a time\n")
    asyncio.run(main())
