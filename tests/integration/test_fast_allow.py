"""The fast allow answers only checks without any listing, exactly as the full decision does."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiohttp import web
from redis.asyncio import Redis
from sqlalchemy.ext.asyncio import AsyncEngine

from config.settings import Settings
from gateway.app import CHECKS, REPLICA, build_app
from gateway.checks.batch import BatchService
from gateway.checks.fast_allow import FastAllow
from gateway.checks.http.handler import CheckHandler
from gateway.checks.lookup_keys import LookupKeys, lookup_keys_of
from gateway.checks.request import CheckRequest, check_from, check_request_from
from gateway.web.problems import ProblemError
from rules.calendar import civil_day, to_milliseconds
from store.ledger.lock_states import LockState
from store.platforms.clients import Client, Grants
from store.replica.replica import ReplicaState
from tests.e2e.program import credit_code
from tests.integration.feed_health import HELD_COURT_FEED, set_feed_health
from tests.integration.feeding import NOON, FeedPipeline
from tests.integration.valkey_server import ValkeyServer
from tests.unit.records import PERSON, record

CLIENT = Client("shop", Grants(scenes=frozenset("*")), 0)
LISTED, CLEAR = credit_code(1), credit_code(2)


def body(*subjects: dict[str, Any], **more: Any) -> bytes:  # noqa: ANN401
    parties = subjects or ({"role": "bidder", "id": CLEAR},)
    payload = {"scene": "bidding.qualification", "transaction_id": "T-1", "operator": "o", "purpose": "p"}
    return json.dumps(payload | {"subjects": parties} | more).encode()


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110 - another task's state
            await asyncio.sleep(0.01)


@pytest.fixture
async def handler(
    redis: "Redis", engine: AsyncEngine, valkey: ValkeyServer, tmp_path: Path
) -> AsyncIterator[CheckHandler]:
    """The handler as the program builds it, over a register with one listing, with the tests' pepper."""
    pipeline = FeedPipeline(redis, engine)
    await pipeline.recovery.ensure_loaded()
    await pipeline.feed(record(subject={"id": LISTED}))
    await pipeline.writer.heartbeat()
    settings = Settings(
        pepper="p" * 32,
        redis_url=valkey.url,
        broker_url=f"rstream://{valkey.socket}",
        ledger_url=f"sqlite+aiosqlite:///{tmp_path / 'ledger.sqlite3'}",
        data=tmp_path,
    )
    runner = web.AppRunner(build_app(settings, lambda: NOON))
    await runner.setup()
    replica = runner.app[REPLICA]
    try:
        await until(lambda: replica.state is ReplicaState.CURRENT)
        yield runner.app[CHECKS]
    finally:
        await runner.cleanup()


@pytest.mark.parametrize(
    "payload",
    [
        body(),
        body({"role": "bidder", "id": CLEAR, "name": "甲"}, {"role": "legal_representative", "id": PERSON}),
        body(transaction_id='引号"与\\反斜杠'),
        body(account_id="店铺-1"),
    ],
)
async def test_fast_allow_and_full_decision_answer_the_same(handler: CheckHandler, payload: bytes) -> None:
    """The bytes differ only in ID and register age, and each check leaves one audit entry."""
    fast = handler.service.try_allow(CLIENT, payload)
    assert isinstance(fast, bytes)
    check = check_from(
        check_request_from(payload), CLIENT, handler.service.decision_service.policy_store.current, civil_day(NOON)
    )
    full = await handler.service.decide(CLIENT, lookup_keys_of(handler.service.fast_allow.keys, CLIENT, check))
    first, second = json.loads(fast), json.loads(full.body)
    for answer in (first, second):
        answer.pop("decision_id")
        answer["as_of"].pop("heard_ms")
        answer["as_of"].pop("age_ms")
    assert first == second
    assert list(first) == list(second)
    one, other = handler.service.fast_allow.audit.pending[-2:]
    assert (one.client, one.scene, one.outcome, one.transaction_id) == (
        other.client,
        other.scene,
        other.outcome,
        other.transaction_id,
    )
    kept, kept_long = json.loads(one.detail), json.loads(other.detail)
    assert kept["answer"] == json.loads(fast)
    assert (kept["check"], kept["account_id"]) == (kept_long["check"], kept_long["account_id"])


@pytest.mark.parametrize(
    "payload",
    [
        body({"role": "bidder", "id": LISTED}),
        body({"role": "bidder", "id": CLEAR}, {"role": "legal_representative", "name": "甲"}),
        body({"role": "bidder", "id": "9132****MA1TE5T18U"}),
        body(ticket=True),
        body(max_staleness_ms=5),
    ],
)
async def test_other_checks_need_the_full_decision(handler: CheckHandler, payload: bytes) -> None:
    """A listed subject, one without a number, or extra options: lookup keys are returned and nothing is recorded."""
    assert isinstance(handler.service.try_allow(CLIENT, payload), LookupKeys)
    assert not handler.service.fast_allow.audit.pending


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (body({"role": "bidder", "id": "9132"}), "identifier_invalid"),
        (body(scene="no.such"), "scene_unknown"),
        (body(operator=""), "operator_missing"),
        (b"{", "json_invalid"),
        (b"", "json_invalid"),
    ],
)
async def test_invalid_checks_are_refused_and_not_recorded(handler: CheckHandler, payload: bytes, code: str) -> None:
    """The error codes are those of the full decision."""
    with pytest.raises(ProblemError) as raised:
        handler.service.try_allow(CLIENT, payload)
    assert raised.value.code == code
    assert not handler.service.fast_allow.audit.pending


async def test_fast_allow_awaits_nothing(handler: CheckHandler) -> None:
    """Neither Redis nor the ledger is read: the coroutine ends at its first step."""
    with pytest.raises(StopIteration) as ended:
        handler.service.check(CLIENT, body()).send(None)
    assert json.loads(ended.value.value.body)["outcome"] == "allow"
    listed = handler.service.check(CLIENT, body({"role": "bidder", "id": LISTED}))
    assert listed.send(None) is not None
    listed.close()


async def test_locks_grants_and_stale_replica_prevent_fast_allow(handler: CheckHandler, valkey: ValkeyServer) -> None:
    """What the key filter cannot rule out is looked up."""
    with pytest.raises(ProblemError):
        handler.service.try_allow(Client("other", Grants(scenes=frozenset(["funds.grant"])), 0), body())
    target = handler.service.fast_allow.keys.lock_target(CLIENT.id, "transaction", "T-9")
    handler.service.fast_allow.replica.add_lock(target)
    assert isinstance(handler.service.try_allow(CLIENT, body(transaction_id="T-9")), LookupKeys)
    assert isinstance(handler.service.try_allow(CLIENT, body()), bytes)
    valkey.pause()
    try:
        await until(lambda: handler.service.fast_allow.replica.state is ReplicaState.STALE)
        assert isinstance(handler.service.try_allow(CLIENT, body()), LookupKeys)
    finally:
        valkey.resume()


async def test_rate_limit_counts_fast_allows(handler: CheckHandler) -> None:
    """Fast allows count towards the rate limit too."""
    slow = Client("slow", Grants(scenes=frozenset("*"), rate=1.0), 0)
    payload, problems = body(), 0
    for _ in range(5):
        try:
            assert isinstance(handler.service.try_allow(slow, payload), bytes)
        except ProblemError as problem:
            problems += problem.code == "rate_limited"
    assert problems == 3


async def test_release_does_not_waive_an_unreliable_feed(handler: CheckHandler) -> None:
    """A released lock gives a warning with its note; while the court's feed is quarantined, a review like any other."""

    async def answered(number: str) -> dict[str, Any]:
        payload = body({"role": "applicant", "id": number}, scene="approval.licence")
        return dict(json.loads((await handler.service.check(CLIENT, payload)).body))

    first = await answered(LISTED)
    assert first["outcome"] == "lock"
    (lock,) = first["locks"]
    ended = await handler.service.decision_service.locks.end(
        lock["id"],
        LockState.RELEASED,
        client="c",
        operator="o",
        reason="误",
        now=to_milliseconds(NOON),
        document_no="1",
    )
    assert ended is not None
    freed = await answered(LISTED)
    assert (freed["outcome"], freed["subjects"][0]["notes"], freed["locks"]) == ("warn", ["lock_released"], [])
    await set_feed_health(handler.service.decision_service.freshness, HELD_COURT_FEED)
    unreliable, clean = await answered(LISTED), await answered(CLEAR)
    assert clean["indeterminate"] is unreliable["indeterminate"] is True
    assert clean["outcome"] == unreliable["outcome"] == "review"
    assert "lock_released" in unreliable["subjects"][0]["notes"]


async def test_denials_bypass_the_cache(handler: CheckHandler, redis: "Redis") -> None:
    """A warning may come from the cache; an intercept is decided on the register's current state."""

    async def outcome(scene: str, role: str, number: int) -> str:
        payload = body({"role": role, "id": LISTED}, scene=scene, transaction_id=f"T-{number}")
        return str(json.loads((await handler.service.check(CLIENT, payload)).body)["outcome"])

    assert await outcome("finance.loan", "borrower", 1) == "warn"
    assert await outcome("bidding.qualification", "bidder", 2) == "intercept"
    # The state between the two writes of a removal: gone from the register, not yet in the change log.
    for place in await redis.keys("cg:*:subject:*"):
        await redis.delete(place)
    assert await outcome("finance.loan", "borrower", 3) == "warn"
    assert await outcome("bidding.qualification", "bidder", 4) == "allow"


async def test_concurrent_batches_yield_to_the_event_loop(handler: CheckHandler) -> None:
    """Other tasks wait for at most one part of a large check, however many checks there are."""
    turn, taken, own = 0, Counter[int](), handler.service.fast_allow.try_allow

    async def count_turns() -> None:
        nonlocal turn
        while True:
            turn += 1
            await asyncio.sleep(0)

    def try_allow(client: Client, payload: CheckRequest, open_targets: set[str]) -> bytes | LookupKeys:
        taken[turn] += 1
        return own(client, payload, open_targets)

    watched = BatchService(replace(handler.service, fast_allow=cast(FastAllow, SimpleNamespace(try_allow=try_allow))))
    counting = asyncio.create_task(count_turns())
    batch = b'{"checks":[' + b",".join([body()] * 200) + b"]}"
    replies = await asyncio.gather(*(watched.answer(CLIENT, batch) for _ in range(3)))
    counting.cancel()
    assert [json.loads(reply)["counts"]["decided"] for reply in replies] == [200] * 3
    assert (max(taken.values()), sum(taken.values())) == (25, 600)
