"""Checks in, answers out, without HTTP: admission, fast allow, else a full decision; one check or a part of a batch."""

import asyncio
from collections.abc import Sequence, Set
from dataclasses import dataclass, field
from time import perf_counter

from msgspec import Raw

from gateway.checks.decision_service import DecisionResult, DecisionService
from gateway.checks.fast_allow import FastAllow
from gateway.checks.lookup_keys import LookupKeys
from gateway.checks.request import check_request_from
from gateway.metrics_batch import MetricsBatch
from gateway.overload.admission_control import AdmissionControl
from gateway.web.problems import ProblemError
from rules.vocabulary import Outcome
from store.platforms.clients import Client

MAX_LINE_BYTES = 64 * 1024
"""The longest line of a stream; checks of a batch document are bounded by the body."""


@dataclass(frozen=True, slots=True)
class CheckService:
    """Answers the checks of one process and counts them in the metrics."""

    fast_allow: FastAllow
    decision_service: DecisionService
    admission: AdmissionControl
    metrics_batch: MetricsBatch
    _part_lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def check(self, client: Client, body: bytes) -> DecisionResult:
        """Answer one check. Raises ``ProblemError``."""
        answer = self.try_allow(client, body)
        return await self.decide(client, answer) if isinstance(answer, LookupKeys) else allowed(answer)

    def try_allow(self, client: Client, body: bytes) -> bytes | LookupKeys:
        """The answer of a fast allow; else the lookup keys, for ``decide``.

        Raises ``ProblemError`` when the body is invalid, the client is over its rate, or the audit is full.
        """
        self.admission.take_tokens(client)
        return self._try_allow(client, body)

    async def decide(self, client: Client, lookup: LookupKeys) -> DecisionResult:
        """The full decision on a check that was admitted by ``try_allow``. Raises ``ProblemError``."""
        with self.admission.concurrency_limit:
            (result,) = await self._decide_all(client, [lookup])
        if isinstance(result, ProblemError):
            raise result
        return result

    async def check_part(self, client: Client, parts: Sequence[bytes | Raw]) -> list[DecisionResult | ProblemError]:
        """Answer checks of a batch that was admitted, each with its own result or its own problem.

        The event loop runs other work between two parts, whichever batches they come from.
        """
        open_targets: set[str] = set()
        async with self._part_lock:
            answers = [self._try_allow_of_batch(client, part, open_targets) for part in parts]
            await asyncio.sleep(0)
        decided = iter(await self._decide_all(client, [answer for answer in answers if isinstance(answer, LookupKeys)]))
        results: list[DecisionResult | ProblemError] = []
        for answer in answers:
            if isinstance(answer, LookupKeys):
                results.append(next(decided))
            else:
                results.append(allowed(answer) if isinstance(answer, bytes) else answer)
        return results

    def _try_allow_of_batch(
        self, client: Client, part: bytes | Raw, open_targets: set[str]
    ) -> bytes | LookupKeys | ProblemError:
        """As ``_try_allow``. ``open_targets`` are the targets that earlier checks may yet lock; it adds its own."""
        try:
            if isinstance(part, bytes) and len(part) > MAX_LINE_BYTES:
                raise ProblemError("body_too_large")
            answer = self._try_allow(client, part, open_targets)
        except ProblemError as problem:
            return problem
        if isinstance(answer, LookupKeys):
            open_targets.update(answer.targets.values())
        return answer

    def _try_allow(self, client: Client, body: bytes | Raw, open_targets: Set[str] = frozenset()) -> bytes | LookupKeys:
        started = perf_counter()
        request = check_request_from(body)
        answer = self.fast_allow.try_allow(client, request, open_targets)
        if not isinstance(answer, LookupKeys):
            self.metrics_batch.count(request.scene, Outcome.ALLOW, perf_counter() - started)
        return answer

    async def _decide_all(self, client: Client, lookups: Sequence[LookupKeys]) -> list[DecisionResult | ProblemError]:
        """Full decisions; each is counted with the time that all of them took."""
        if not lookups:
            return []
        started = perf_counter()
        results = await self.decision_service.decide_all(client, lookups)
        seconds = perf_counter() - started
        for lookup, result in zip(lookups, results, strict=True):
            if isinstance(result, DecisionResult):
                self.metrics_batch.count(lookup.check.scene, result.outcome, seconds)
        return results


def allowed(body: bytes) -> DecisionResult:
    """The result of a fast allow."""
    return DecisionResult(Outcome.ALLOW, body)
