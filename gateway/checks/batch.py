"""Many checks in one request, without HTTP: up to a thousand in a document, or a stream of lines of any length."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
import orjson
from msgspec import Meta, Raw, Struct

from gateway.checks.decision_service import DecisionResult
from gateway.checks.service import CheckService
from gateway.web.json_body import FieldFault, decode_json
from gateway.web.problems import ProblemError
from store.platforms.clients import Client

BATCH_CHECKS = 1000
"""Checks in one document."""
PART_CHECKS = 25
"""Checks that are answered without a pause: they hold the event loop for about a millisecond."""


class BatchRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """The body of ``POST /v1/checks/batch``: each check in the form of ``POST /v1/checks``."""

    checks: Annotated[tuple[Raw, ...], Meta(min_length=1, max_length=BATCH_CHECKS)]


@dataclass(frozen=True, slots=True)
class BatchService:
    """Answers batches; each check has its own result or its own problem."""

    service: CheckService

    async def answer(self, client: Client, body: bytes) -> bytes:
        """The results of a batch document, as JSON. Raises ``ProblemError`` when it is none, or is not admitted."""
        checks = _batch_of(body).checks
        admission = self.service.admission
        admission.take_tokens(client, len(checks))
        results: list[dict[str, Any]] = []
        with admission.concurrency_limit:
            for start in range(0, len(checks), PART_CHECKS):
                results += await self._results(client, checks[start : start + PART_CHECKS], start)
        decided = sum("decision" in result for result in results)
        counts = {"checks": len(results), "decided": decided, "problems": len(results) - decided}
        return orjson.dumps({"results": results, "counts": counts})

    async def answer_lines(self, client: Client, parts: AsyncIterator[Sequence[bytes]]) -> AsyncIterator[bytes]:
        """The results of parts of a stream, as lines of JSON, at the rate of the client.

        A ``ProblemError`` that ``parts`` raises ends the stream with its line and is raised again.
        """
        index = 0
        try:
            async for lines in parts:
                yield await self._answer_part(client, lines, index)
                index += len(lines)
        except ProblemError as problem:
            yield _lines([_result(index, problem)])
            raise

    async def _answer_part(self, client: Client, lines: Sequence[bytes], start: int) -> bytes:
        admission = self.service.admission
        await admission.wait_for_turn(client, len(lines))
        with admission.concurrency_limit:
            return _lines(await self._results(client, lines, start))

    async def _results(self, client: Client, parts: Sequence[bytes | Raw], start: int) -> list[dict[str, Any]]:
        results = await self.service.check_part(client, parts)
        return [_result(index, result) for index, result in enumerate(results, start)]


_decoder = msgspec.json.Decoder(BatchRequest)


def _batch_of(body: bytes) -> BatchRequest:
    try:
        return decode_json(_decoder, body)
    except msgspec.ValidationError as error:
        raise FieldFault.of(error).problem() from None


def _result(index: int, result: DecisionResult | ProblemError) -> dict[str, Any]:
    if isinstance(result, ProblemError):
        document = result.document()
        return {"index": index, "status": document["status"], "problem": document}
    return {"index": index, "status": 200, "decision": orjson.Fragment(result.body)}


def _lines(results: Sequence[dict[str, Any]]) -> bytes:
    return b"".join(orjson.dumps(result) + b"\n" for result in results)
