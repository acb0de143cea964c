"""The canary: an invented subject, listed and taken off again through the whole feed road, every few seconds.

accepted at the door ─▶ broker ─▶ worker ─▶ ledger ─▶ register ─▶ this process's replica: in force; and free again

It says how fresh this process's answers are by what really happened. Its subjects are of a region that does not exist,
filed by an authority of its own for government eyes only: no check of anybody else ever meets them.
"""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from time import monotonic
from typing import Any

import orjson
import structlog

from gateway.feeds.delivery import judge_delivery
from gateway.feeds.publish import FeedPublisher
from gateway.metrics import CANARY_FAILED, CANARY_FLOWN, CANARY_SECONDS
from gateway.web.problems import ProblemError
from rules.admission.feed_event import FeedEvent
from rules.admission.validator import RecordValidator
from rules.calendar import civil_day, to_milliseconds
from rules.faults import CreditGateError
from rules.identity.forms import org_check, uscc_check
from rules.identity.identifiers import Identifier, parse_identifier
from rules.identity.subject import SubjectKeys
from store.broker.publisher import BrokerUnavailableError
from store.register.reader import RegisterUnavailableError
from store.replica.reader import ReplicaReader
from store.replica.replica import Replica

AUTHORITY = "canary"
_REGION = "91999900"
"""No county has that code (GB/T 2260)."""
_SUBJECTS = 10_000
"""One for each process that ever runs at the same time, drawn by chance."""
_PATIENCE = 30.0
_ALARM = 3
"""Periods without a round after which it is late."""
_log = structlog.get_logger("gateway.canary")


class CanaryLostError(CreditGateError):
    """The register shows other than what it must; ``args`` say at which step."""


def canary_number(place: int) -> str:
    """The credit code of a canary."""
    organisation = f"CGCA{place:04d}"
    first_17 = f"{_REGION}{organisation}{org_check(organisation)}"
    return first_17 + uscc_check(first_17)


@dataclass(slots=True)
class Canary:
    """The canary of one process. ``period`` is seconds from round to round; 0 keeps it from flying."""

    door: FeedPublisher
    desk: RecordValidator
    keys: SubjectKeys
    replica: Replica
    reader: ReplicaReader
    period: float
    clock: Callable[[], datetime]
    place: int = field(default_factory=lambda: random.SystemRandom().randrange(_SUBJECTS))
    seen: dict[str, float] = field(default_factory=dict)
    """Seconds that the last round took, by step."""
    _flown_at: float = field(default_factory=monotonic)

    async def keep_flying(self) -> None:
        """Fly for as long as the process runs."""
        if not self.period or self.desk.departments.find(AUTHORITY) is None:
            return
        while True:
            await asyncio.sleep(self.period)
            try:
                await self.fly()
            except (
                TimeoutError,
                CanaryLostError,
                BrokerUnavailableError,
                RegisterUnavailableError,
                ProblemError,
                OSError,
            ) as error:
                CANARY_FAILED.inc()
                _log.warning("canary_failed", error=type(error).__name__)

    async def fly(self) -> None:
        """One round. Raises ``TimeoutError``, ``CanaryLostError`` and what the road raises."""
        async with asyncio.timeout(_PATIENCE):
            for step, operation, listed in (("in_force", "list", True), ("free", "remove", False)):
                self.seen[step] = await self._step(step, operation, listed)
                CANARY_SECONDS.labels(step).observe(self.seen[step])
                CANARY_FLOWN.labels(step).set(self.clock().timestamp())
        self._flown_at = monotonic()

    @property
    def state(self) -> str:
        """A line for ``/readyz``."""
        if not self.period:
            return "off"
        since = monotonic() - self._flown_at
        took = ", ".join(f"{step} {seconds * 1000:.0f} ms" for step, seconds in self.seen.items())
        return f"late: {since:.0f} s" if since > _ALARM * self.period else took or "waiting"

    async def _step(self, step: str, operation: str, listed: bool) -> float:
        claim = self._claim(operation)
        change = self.replica.next_change(claim[0].judged.key)
        accepted = await self.door.let_in(AUTHORITY, AUTHORITY, claim)
        let_in = monotonic()
        if accepted.receipt is None:
            raise CanaryLostError(step)
        await change
        took = monotonic() - let_in
        number = parse_identifier(canary_number(self.place), today=civil_day(self.clock()))
        assert isinstance(number, Identifier)
        key = self.keys.subject(number.canonical)
        if bool((await self.reader.look_up([key])).listings.get(key)) is not listed:
            raise CanaryLostError(step)
        return max(0.0, took)

    def _claim(self, operation: str) -> list[Any]:
        now = self.clock()
        record: dict[str, Any] = {
            "operation": operation,
            "record_no": f"CANARY-{self.place}",
            "version": to_milliseconds(now),
            "document_no": "自检",
            "determined_on": civil_day(now).isoformat(),
        }
        if operation == "list":
            record |= {
                "list": "black",
                "category": "C12",
                "severity": "severe",
                "data_class": "government",
                "subject": {"kind": "organisation", "name": "信用闸门自检", "id": canary_number(self.place)},
                "facts": "系统自检，非真实主体",
                "basis": "系统自检",
                "valid_until": civil_day(now).isoformat(),
            }
        today, milliseconds = civil_day(now), to_milliseconds(now)
        judged = judge_delivery(
            orjson.dumps(record), "application/json", AUTHORITY, self.desk, today=today, now=milliseconds
        )
        if not isinstance(judged[0].judged, FeedEvent):
            raise CanaryLostError(str(judged[0].judged))
        return judged
