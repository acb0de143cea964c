"""One run: start the servers, measure them and the parts in order, and report what could not be measured."""

import asyncio
import statistics
import sys
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from bench import at_a_rate, batches, load_register, overload, parts, report, road_cost, subjects, tools
from bench.crowdsec import CrowdSec
from bench.group import Gateway, ProcessGroup
from bench.plan import ON_A_GROUP, PAIRS, Plan
from bench.references import Nginx, Reference
from bench.report import Table
from bench.rounds import Samples, interleaved, spread
from bench.wrk import Target
from config.settings import Settings

DEFAULT_ANSWER_BYTES = 700
DRAIN_TIMEOUT_S = 15.0


class Bench:
    """One run; ``stop`` ends every process that it started."""

    def __init__(self, plan: Plan, directory: Path) -> None:
        self._plan, self._directory = plan, directory
        self._started: list[Reference | CrowdSec | ProcessGroup] = []
        self._skipped: list[str] = []
        self._nginx: Target | None = None
        self._rate = 0.0
        self.failed = False

    def run(self) -> list[Table]:
        """Measure everything that the plan names; the last table names what was not measured."""
        tables: list[Table] = []
        group = self._group(self._plan.listings[0]) if self._plan.only & ON_A_GROUP else None
        requests = subjects.write_checks(self._directory / "checks", self._mix())
        targets = [*self._references(requests, group), *self._ours(requests, group)]
        if targets:
            samples = interleaved(
                targets, self._plan.rounds, self._plan.seconds, again=self._plan.again, after=self._after(group)
            )
            tables += self._server_tables(samples, group)
        for name, part in self._parts(requests, group):
            self._say(name)
            try:
                tables += part()
            except Exception as error:  # one part that fails leaves the others
                self.failed = True
                tables.append(Table(name, (), notes=[f"FAILED: {type(error).__name__}: {error}"]))
        if self._skipped:
            tables.append(Table("Not measured", (), notes=self._skipped))
        return tables

    def stop(self) -> None:
        """Stop everything that was started."""
        for started in reversed(self._started):
            started.stop()

    def _parts(self, requests: Path, group: ProcessGroup | None) -> Iterable[tuple[str, Callable[[], list[Table]]]]:
        plan, here = self._plan, self._directory
        measure = (1 if plan.quick else plan.rounds, plan.seconds, plan.again)
        if "road" in plan.only:
            rounds = 2 if plan.quick else road_cost.ROUNDS
            yield "road", lambda: [road_cost.run(here, plan.listings[0], rounds, road_cost.ROUND_S)]
        if "fresh" in plan.only:
            yield "fresh", lambda: parts.freshness(here, plan.per_second, 50 if plan.quick else 200)
        if group is None:
            return
        own = group.target(group.main, requests)
        drain = partial(group.drain, DRAIN_TIMEOUT_S)
        if "batch" in plan.only:
            yield "batch", lambda: batches.batches(here, group, own, self._mix(), *measure[:2])
        if "openloop" in plan.only:
            yield "openloop", lambda: at_a_rate.open_loop(own, self._nginx, self._rate, *measure, drain)
        if "overload" in plan.only:
            heavy = group.target(group.main, overload.checks_of_many(here / "checks-of-many"))
            yield "overload", lambda: overload.overload(heavy, *measure, drain)
        if "workers" in plan.only:
            yield "workers", lambda: parts.workers(group, own, *measure)
        if "listings" in plan.only and len(plan.listings) > 1:
            yield "listings", self._many(group, own)
        elif "listings" in plan.only:
            self._skipped.append("cost by listings: name more than one number, --listings 100000,1000000")

    def _many(self, group: ProcessGroup, own: Target) -> Callable[[], list[Table]]:
        def run() -> list[Table]:
            groups, targets = [group], [own]
            for count in self._plan.listings[1:]:
                lacking = load_register.enough_memory(count)
                if lacking:
                    self._skipped.append(lacking)
                    continue
                more = self._group(count)
                groups.append(more)
                path = subjects.write_checks(self._directory / f"checks-{count}", subjects.mix(count))
                targets.append(more.target(more.main, path))
            return parts.listings(groups, targets, self._plan.rounds, self._plan.seconds, self._plan.again)

        return run

    def _group(self, listings: int) -> ProcessGroup:
        self._say(f"creditgate with {listings} listings")
        group = ProcessGroup(self._directory / f"group-{listings}", listings)
        self._started.append(group)
        group.start()
        group.loaded_in = asyncio.run(load_register.load(group.redis_url, group.pepper, listings))
        group.until_ready(group.main)
        return group

    def _references(self, requests: Path, group: ProcessGroup | None) -> list[Target]:
        only, found = self._plan.only, list[Target]()
        size = group.answer_size() if group else DEFAULT_ANSWER_BYTES
        for kind, name, needed in ((Nginx, "nginx", ("nginx",)), (Reference, "bare", ())):
            if name not in only and not (name == "nginx" and "openloop" in only):
                continue
            if lacking := tools.missing(*needed):
                self._skipped.append(f"{name}: {lacking}")
                continue
            server = kind(name, self._directory, size)
            self._started.append(server)
            target = server.start().target(requests)
            self._nginx = target if name == "nginx" else self._nginx
            found += [target] if name in only else []
        if "crowdsec" in only:
            found += self._crowdsec()
        return found

    def _crowdsec(self) -> list[Target]:
        if lacking := tools.missing("crowdsec", "cscli"):
            self._skipped.append(f"crowdsec: {lacking}")
            return []
        self._say("crowdsec")
        server = CrowdSec(self._directory)
        self._started.append(server)
        try:
            server.start().load(self._plan.listings[0])
        except Exception as error:  # a reference that does not come up leaves the others
            self._skipped.append(f"crowdsec: {error}")
            return []
        return [server.target(subjects.write_lookups(self._directory / "lookups", self._mix()))]

    def _ours(self, requests: Path, group: ProcessGroup | None) -> list[Target]:
        if group is None:
            return []
        found = []
        if "aiohttp" in self._plan.only:
            found.append(group.target(group.gateway("aiohttp", CREDITGATE_FAST_LANE="0"), requests))
        if "lane" in self._plan.only:
            found.append(group.target(group.main, requests))
        if "intercept" in self._plan.only and self._intercepts(group, group.main):
            path = subjects.write_checks(self._directory / "stricter", self._mix(), subjects.INTERCEPT_SCENE)
            found.append(group.target(group.main, path, "intercept"))
        return found

    def _intercepts(self, group: ProcessGroup, gateway: Gateway) -> bool:
        if group.intercepts():
            return True
        self._skipped.append(
            f"intercept: {gateway.name} does not intercept listed subjects in {subjects.INTERCEPT_SCENE}"
        )
        return False

    def _server_tables(self, samples: Samples, group: ProcessGroup | None) -> list[Table]:
        table = report.servers(f"One check, {self._plan.listings[0]} listings", samples)
        self.failed = self.failed or bool(samples.failures)
        if group is not None:
            table.notes.append(f"{group.listings} listings were put into the register in {group.loaded_in:.1f} s.")
            table.notes.append("`intercept` is the lane where listed ones are intercepted: each waits for the ledger.")
            if group.written:
                table.notes.append(
                    f"After rounds the worker put {spread(group.written, '{:.0f}')} decisions/s in the ledger;"
                    f" {group.behind} times it needed over {DRAIN_TIMEOUT_S:.0f} s and ran beside the next server."
                )
            if "fast_lane" not in Settings.model_fields:
                table.notes.append("This commit has no fast lane: `aiohttp` and `lane` are the same application.")
        rates = [found.rate for found in samples.of("lane")]
        self._rate = statistics.median(rates) if rates else 0.0
        ratios = report.compared(samples, PAIRS)
        return [table, ratios] if ratios.rows else [table]

    def _after(self, group: ProcessGroup | None) -> Callable[[Target], None]:
        def wait(target: Target) -> None:
            if group is not None and target.beside:
                group.drain(DRAIN_TIMEOUT_S)

        return wait

    def _mix(self) -> list[str]:
        return subjects.mix(self._plan.listings[0])

    def _say(self, line: str) -> None:
        sys.stderr.write(f"· {line}\n")
