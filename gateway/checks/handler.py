"""POST /v1/checks and POST /v1/checks/batch: one question, up to a thousand, or as many lines as there are."""

import asyncio
from collections.abc import AsyncIterator, Sequence, Set
from dataclasses import dataclass, field
from time import perf_counter
from typing import Annotated, Any, NamedTuple

import msgspec
import orjson
from aiohttp import web
from msgspec import Meta, Raw, Struct

from gateway.checks.decision_service import DecisionResult, DecisionService
from gateway.checks.fast_allow import FastAllow
from gateway.checks.lookup_keys import LookupKeys
from gateway.checks.metrics_batch import MetricsBatch
from gateway.checks.request import CheckRequest, check_request_from
from gateway.overload.concurrency_limit import ConcurrencyLimit
from gateway.overload.rate_limit import RateLimiter
from gateway.web.auth import Authenticator
from gateway.web.drain_state import DRAIN_STATE
from gateway.web.json_body import FieldFault, decode_json
from gateway.web.problems import ProblemError
from gateway.web.request_body import NDJSON, read_body, read_deadline
from rules.vocabulary import Outcome
from store.platforms.clients import Client

MOST = 1000
"""Checks in one batch."""
_AT_ONCE = 25
"""Checks of a batch that are answered in one go: the event loop is held for a millisecond or so."""
_JSON = "application/json"
_LONGEST_LINE = 64 * 1024
_ABOUT_TO_END = ("this process is about to end; ask from this line on again", "本进程即将退出，请从这一行起重新发送")


class BatchRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """The body of ``POST /v1/checks/batch``: each check as it would be asked alone."""

    checks: Annotated[tuple[Raw, ...], Meta(min_length=1, max_length=MOST)]


class Reply(NamedTuple):
    """An answer before any HTTP server: the same bytes whichever one sends it."""

    status: int
    content_type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class CheckHandler:
    """Checks over HTTP. Each is counted and takes its place in ``reply_to_…``, whichever server it came by."""

    access: Authenticator
    clearing: FastAllow
    desk: DecisionService
    limits: RateLimiter
    gate: ConcurrencyLimit
    metrics_batch: MetricsBatch
    _one_go: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def post(self, request: web.Request) -> web.Response:
        """Answer one check."""
        client = await self.access.client_of(request)
        return _sent(await self.reply_to_check(client, await read_body(request)))

    async def post_batch(self, request: web.Request) -> web.StreamResponse:
        """Answer many, each with its own result or its own problem; lines are answered as they come."""
        client = await self.access.client_of(request)
        if request.content_type in NDJSON:
            return await self._stream(request, client)
        return _sent(await self.reply_to_batch(client, await read_body(request)))

    async def reply_to_check(self, client: Client, body: bytes) -> Reply:
        """The answer to one check. Raises ``ProblemError``."""
        answered = self.at_once(client, body)
        return await self.reply_in_time(client, answered) if isinstance(answered, LookupKeys) else _json(answered)

    def at_once(self, client: Client, body: bytes) -> bytes | LookupKeys:
        """The answer to a check that is plainly clear; else the question, for ``reply_in_time``.

        Raises ``ProblemError`` saying what is wrong with it, when the client asks too much, or when the audit is full.
        """
        started = perf_counter()
        self.limits.take(client)
        return self._cleared(client, check_request_from(body), started)

    async def reply_in_time(self, client: Client, question: LookupKeys) -> Reply:
        """The answer to a question that was let in, and is not clear at once. Raises ``ProblemError``."""
        return _json((await self._decided(client, question, perf_counter())).body)

    async def decide(self, client: Client, asked: CheckRequest) -> DecisionResult:
        """What is decided on a form, at once or in time. Raises ``ProblemError``."""
        started = perf_counter()
        answered = self._cleared(client, asked, started)
        if isinstance(answered, LookupKeys):
            return await self._decided(client, answered, started)
        return DecisionResult(Outcome.ALLOW, answered)

    def _cleared(
        self, client: Client, asked: CheckRequest, started: float, open_targets: Set[str] = frozenset()
    ) -> bytes | LookupKeys:
        answered = self.clearing.at_once(client, asked, open_targets)
        if not isinstance(answered, LookupKeys):
            self.metrics_batch.note(asked.scene, Outcome.ALLOW, perf_counter() - started)
        return answered

    async def _decided(self, client: Client, question: LookupKeys, started: float) -> DecisionResult:
        with self.gate:
            decided = await self.desk.answer(client, question)
        self.metrics_batch.note(question.check.scene, decided.outcome, perf_counter() - started)
        return decided

    async def reply_to_batch(self, client: Client, body: bytes) -> Reply:
        """The answers to a batch. Raises ``ProblemError`` when it is none."""
        asked = _batch(body)
        self.limits.take(client, len(asked.checks))
        results: list[dict[str, Any]] = []
        with self.gate:
            for start in range(0, len(asked.checks), _AT_ONCE):
                results += await self._answer(client, asked.checks[start : start + _AT_ONCE], start)
        decided = sum("decision" in result for result in results)
        counts = {"checks": len(results), "decided": decided, "problems": len(results) - decided}
        return _json(orjson.dumps({"results": results, "counts": counts}))

    async def _stream(self, request: web.Request, client: Client) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson", "Cache-Control": "no-store"})
        await response.prepare(request)
        index = 0
        try:
            async for lines in _pages(request):
                if request.app[DRAIN_STATE].end_streams:
                    raise ProblemError("overloaded", *_ABOUT_TO_END)
                results = await self._in_its_turn(client, lines, index)
                index += len(lines)
                await _write(response, results)
        except ProblemError as problem:  # the answer has begun: what ends it is its last line
            response.force_close()
            await _write(response, [_result(index, problem)])
        await response.write_eof()
        return response

    async def _in_its_turn(self, client: Client, lines: Sequence[bytes], start: int) -> list[dict[str, Any]]:
        """Answer lines at the client's rate; a stream is slowed down where a request would be refused."""
        while pause := self.limits.pause_before(client, len(lines)):  # noqa: ASYNC110 - it says how long
            await asyncio.sleep(pause)
        await self.gate.has_room()
        with self.gate:
            return await self._answer(client, lines, start)

    async def _answer(self, client: Client, parts: Sequence[bytes | Raw], start: int) -> list[dict[str, Any]]:
        open_targets: set[str] = set()
        async with self._one_go:
            read = [self._try(part, client, open_targets) for part in parts]
            await asyncio.sleep(0)  # others have their turn, before another batch has
        answers = iter(await self._look_into(client, [found for found in read if isinstance(found, LookupKeys)]))
        return [
            _result(start + number, next(answers) if isinstance(found, LookupKeys) else found)
            for number, found in enumerate(read)
        ]

    def _try(self, part: bytes | Raw, client: Client, open_targets: set[str]) -> bytes | LookupKeys | ProblemError:
        """The answer if it is clear at once, else the question to be looked into, or what is wrong with it.

        ``open_targets`` are transactions and accounts of checks before it that may yet lock them.
        """
        try:
            if isinstance(part, bytes) and len(part) > _LONGEST_LINE:
                raise ProblemError("body_too_large")
            started = perf_counter()
            answered = self._cleared(client, check_request_from(part), started, open_targets)
            if isinstance(answered, LookupKeys):
                open_targets.update(answered.targets.values())
            return answered
        except ProblemError as problem:
            return problem

    async def _look_into(self, client: Client, questions: Sequence[LookupKeys]) -> list[DecisionResult | ProblemError]:
        """As the desk answers; each took as long as all of them."""
        if not questions:
            return []
        started = perf_counter()
        answers = await self.desk.answer_all(client, questions)
        took = perf_counter() - started
        for question, found in zip(questions, answers, strict=True):
            if isinstance(found, DecisionResult):
                self.metrics_batch.note(question.check.scene, found.outcome, took)
        return answers


def _json(body: bytes) -> Reply:
    return Reply(200, _JSON, body)


def _sent(reply: Reply) -> web.Response:
    headers = {"Content-Type": reply.content_type, "Cache-Control": "no-store"}
    return web.Response(status=reply.status, body=reply.body, headers=headers)


_batch_decoder = msgspec.json.Decoder(BatchRequest)


def _batch(body: bytes) -> BatchRequest:
    try:
        return decode_json(_batch_decoder, body)
    except msgspec.ValidationError as error:
        raise FieldFault.of(error).problem() from None


def _result(index: int, found: bytes | DecisionResult | ProblemError) -> dict[str, Any]:
    if isinstance(found, ProblemError):
        document = found.document()
        return {"index": index, "status": document["status"], "problem": document}
    body = found if isinstance(found, bytes) else found.body
    return {"index": index, "status": 200, "decision": orjson.Fragment(body)}


async def _write(response: web.StreamResponse, results: Sequence[dict[str, Any]]) -> None:
    await response.write(b"".join(orjson.dumps(result) + b"\n" for result in results))


async def _pages(request: web.Request) -> AsyncIterator[list[bytes]]:
    """Lines as they come in, at most a hundred at once; blank ones are passed over. Raises ``ProblemError`` 408."""
    rest, lines, ended = b"", list[bytes](), False
    while not ended:
        async with read_deadline(request):  # for the next whole line, not for time that answers take
            while not lines and not ended:
                chunk = await request.content.readany()
                *whole, rest = (rest + chunk).split(b"\n")
                lines += [line for line in whole if line.strip()]
                # A line that is too long is answered so, and nothing after it is read.
                ended = not chunk or len(rest) > _LONGEST_LINE
        while lines:
            yield lines[:_AT_ONCE]
            del lines[:_AT_ONCE]
    if rest.strip():
        yield [rest]
