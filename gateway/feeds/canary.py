"""The canary: an invented subject, listed and removed through the whole feed path at each interval.

    record published ─▶ broker ─▶ worker ─▶ ledger ─▶ register ─▶ this process's replica

Each round measures two steps: ``in_force``, until this process finds the subject listed, and ``free``, until it finds
it removed. So a round proves how fresh this process's answers are. The canaries' subjects are of a region that does
not exist and are filed by an authority of their own, for government use only: no check of a client ever meets them.
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

from gateway.feeds.delivery import ValidatedRecord, validate_delivery
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
_SUBJECT_COUNT = 10_000
"""Each process draws one of so many subjects at random, so that two processes rarely share one."""
_ROUND_DEADLINE_S = 30.0
_LATE_AFTER_INTERVALS = 3
"""Without a finished round for so many intervals, ``/readyz`` says that the canary is late."""
_log = structlog.get_logger("gateway.canary")


class CanaryStateError(CreditGateError):
    """The register does not show the state that the round requires; ``args`` name the step."""


def canary_number(subject: int) -> str:
    """The credit code of the canary with that number (0 to 9999)."""
    organisation = f"CGCA{subject:04d}"
    first_17 = f"{_REGION}{organisation}{org_check(organisation)}"
    return first_17 + uscc_check(first_17)


@dataclass(slots=True)
class Canary:
    """The canary of one process. ``interval_s`` is the pause between rounds; 0 turns the canary off."""

    feed_publisher: FeedPublisher
    validator: RecordValidator
    subject_keys: SubjectKeys
    replica: Replica
    reader: ReplicaReader
    interval_s: float
    clock: Callable[[], datetime]
    subject: int = field(default_factory=lambda: random.SystemRandom().randrange(_SUBJECT_COUNT))
    durations: dict[str, float] = field(default_factory=dict)
    """Seconds that each step of the last round took."""
    _finished_at: float = field(default_factory=monotonic)

    async def keep_running(self) -> None:
        """Run a round at each interval, for as long as the process runs."""
        if not self.interval_s or self.validator.departments.find(AUTHORITY) is None:
            return
        while True:
            await asyncio.sleep(self.interval_s)
            try:
                await self.run_round()
            except (
                TimeoutError,
                CanaryStateError,
                BrokerUnavailableError,
                RegisterUnavailableError,
                ProblemError,
                OSError,
            ) as error:
                CANARY_FAILED.inc()
                _log.warning("canary_failed", error=type(error).__name__)

    async def run_round(self) -> None:
        """List and remove the subject. Raises ``TimeoutError``, ``CanaryStateError``, or an error of the feed path."""
        async with asyncio.timeout(_ROUND_DEADLINE_S):
            for step, operation, listed in (("in_force", "list", True), ("free", "remove", False)):
                self.durations[step] = await self._run_step(step, operation, listed)
                CANARY_SECONDS.labels(step).observe(self.durations[step])
                CANARY_FLOWN.labels(step).set(self.clock().timestamp())
        self._finished_at = monotonic()

    @property
    def state(self) -> str:
        """The canary's component line in ``/readyz``."""
        if not self.interval_s:
            return "off"
        since = monotonic() - self._finished_at
        took = ", ".join(f"{step} {seconds * 1000:.0f} ms" for step, seconds in self.durations.items())
        return f"late: {since:.0f} s" if since > _LATE_AFTER_INTERVALS * self.interval_s else took or "waiting"

    async def _run_step(self, step: str, operation: str, listed: bool) -> float:
        """Publish one record, wait until the replica has it, and look the subject up; the seconds until then."""
        record = self._record(operation)
        assert isinstance(record.verdict, FeedEvent)
        change = self.replica.next_change(record.verdict.key)
        published = await self.feed_publisher.publish(AUTHORITY, AUTHORITY, [record])
        published_at = monotonic()
        if published.receipt is None:
            raise CanaryStateError(step)
        await change
        duration_s = monotonic() - published_at
        number = parse_identifier(canary_number(self.subject), today=civil_day(self.clock()))
        assert isinstance(number, Identifier)
        key = self.subject_keys.subject(number.canonical)
        if bool((await self.reader.look_up([key])).listings.get(key)) is not listed:
            raise CanaryStateError(step)
        return max(0.0, duration_s)

    def _record(self, operation: str) -> ValidatedRecord:
        """A record of the canary's subject, validated like any delivery."""
        now = self.clock()
        today, milliseconds = civil_day(now), to_milliseconds(now)
        record: dict[str, Any] = {
            "operation": operation,
            "record_no": f"CANARY-{self.subject}",
            "version": milliseconds,
            "document_no": "自检",
            "determined_on": today.isoformat(),
        }
        if operation == "list":
            record |= {
                "list": "black",
                "category": "C12",
                "severity": "severe",
                "data_class": "government",
                "subject": {"kind": "organisation", "name": "信用闸门自检", "id": canary_number(self.subject)},
                "facts": "系统自检，非真实主体",
                "basis": "系统自检",
                "valid_until": today.isoformat(),
            }
        body = orjson.dumps(record)
        (validated,) = validate_delivery(
            body, "application/json", AUTHORITY, self.validator, today=today, now=milliseconds
        )
        if not isinstance(validated.verdict, FeedEvent):
            raise CanaryStateError(str(validated.verdict))
        return validated
