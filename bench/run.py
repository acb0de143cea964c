"""All benchmarks in one command: ``python -m bench.run [--quick] [--only aiohttp,lane,nginx] [--listings 100000]``.

Servers: nginx, bare, crowdsec, aiohttp, lane, intercept. Further parts: road, batch, openloop, overload, fresh,
workers, listings.
"""

import argparse
import os
import signal
import sys
import tempfile
from pathlib import Path

from bench import report, tools
from bench.cases import Bench
from bench.plan import PARTS, SERVERS, Plan
from bench.processes import MIN_CORE_SHARE, OTHER_CORE
from bench.rounds import MAX_REPEATS

RESULTS = Path(__file__).with_name("RESULTS.md")
ABOUT = (
    "The server alone on core 0; wrk (one thread, 16 connections), Valkey and the worker on core 1.",
    "95 % of the requests ask for subjects that are not listed, 5 % for listed ones (warned about); 20,000 different"
    " requests were made in advance. The first answers were compared with what is right, every answer must be 2xx.",
    "CPU µs/request is user and system time of the server's processes; `others` that of Valkey and the worker within"
    " the round, which does not hold what the worker writes after it.",
    "share: of core 0, what no other program took (nor the machine's host withheld); share beside: the same of core 1."
    f" A round with less than {MIN_CORE_SHARE} of either is repeated, {MAX_REPEATS} times at most, or else MARKED."
    " busy: CPU seconds of the server per second; well below 1 it was idle in part, and a request costs more.",
    "Figures are medians of interleaved rounds (least–most). Ratios are within one round: they mean more.",
    "Listings went into the register through its own writer, past feeds and ledger (bench/load_register.py).",
)


def arguments() -> argparse.Namespace:
    """The options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--quick", action="store_true", help="a smoke run of about two minutes; its figures mean little"
    )
    parser.add_argument("--only", default="", help=f"some of: {', '.join((*SERVERS, *PARTS))}")
    parser.add_argument("--listings", default="100000", help="numbers of listings; the first is used throughout")
    parser.add_argument("--rounds", type=int, default=0)
    parser.add_argument("--seconds", type=int, default=0, help="of each round")
    parser.add_argument("--per-second", type=int, default=2000, help="records a second while the delay is measured")
    parser.add_argument("--results", type=Path, help="where to write; bench/RESULTS.md after a whole run")
    found = parser.parse_args()
    unknown = set(filter(None, found.only.split(","))) - {*SERVERS, *PARTS}
    if unknown:
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    return found


def main() -> int:
    """Measure, print and write the result; returns the exit code."""
    options = arguments()
    lacking = tools.missing("wrk", "taskset")
    if lacking:
        sys.stderr.write(lacking + "\n")
        return 2
    quick = options.quick
    plan = Plan(
        only=frozenset(filter(None, options.only.split(","))) or frozenset({*SERVERS, *PARTS}),
        listings=tuple(int(float(number)) for number in options.listings.split(",")) if not quick else (20_000,),
        rounds=options.rounds or (2 if quick else 5),
        seconds=options.seconds or (1 if quick else 4),
        again=0 if quick else MAX_REPEATS,
        per_second=options.per_second,
        quick=quick,
    )
    os.sched_setaffinity(0, {OTHER_CORE})
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(143))  # so that what was started is ended
    facts = [*tools.environment(), ("command", " ".join(["python -m bench.run", *sys.argv[1:]]))]
    with tempfile.TemporaryDirectory(prefix="creditgate-bench-") as directory:
        bench = Bench(plan, Path(directory))
        try:
            tables = bench.run()
        finally:
            bench.stop()
    text = report.document(facts, ABOUT, tables)
    sys.stdout.write(text)
    path = options.results or (RESULTS if not quick and not options.only else None)
    if path:
        report.write(path, text)
    return 1 if bench.failed else 0


if __name__ == "__main__":
    sys.exit(main())
