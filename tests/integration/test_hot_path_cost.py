"""What one check costs, counted in calls and not in seconds: the same on every machine, busy or idle.

The register is real and never asked: who is under nothing is answered from the replica. The bounds are what was
counted (CPython 3.11) and a tenth more; whoever makes a check cheaper lowers them.
"""

import asyncio
import gc
import json
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from aiohttp import web
from redis.asyncio import Redis
from sqlalchemy.ext.asyncio import AsyncEngine

from config.settings import Settings
from gateway.app import CHECKS, REPLICA, build_app
from gateway.checks.handler import CheckHandler
from store.platforms.clients import Client, Grants
from store.replica.replica import ReplicaState
from tests.e2e.program import credit_code
from tests.integration.feeding import NOON, Road
from tests.integration.valkey_server import ValkeyServer
from tests.unit.records import record

CLIENT = Client("bench", Grants(scenes=frozenset("*")), 0)
WARM_UP = 5
MOST_FOR_ONE = 130  # counted: 118
MOST_FOR_EACH_OF_A_BATCH = 130  # counted: 121


class Counted:
    """How many functions were entered: Python's and built-in ones."""

    calls = 0


@contextmanager
def counted() -> Iterator[Counted]:
    """Count in this thread. What waits for nothing is not interrupted by other tasks, so it alone is counted."""
    found = Counted()

    def on_event(_frame: FrameType, event: str, _argument: object) -> None:
        if event in ("call", "c_call"):
            found.calls += 1

    before = sys.getprofile()
    gc.collect()
    gc.disable()
    sys.setprofile(on_event)
    try:
        yield found
    finally:
        sys.setprofile(before)
        gc.enable()


@pytest.fixture
async def handler(
    redis: "Redis", engine: AsyncEngine, valkey: ValkeyServer, tmp_path: Path
) -> AsyncIterator[CheckHandler]:
    """The handler as the program makes it, its replica current over a register in which others are listed."""
    road = Road(redis, engine)
    await road.recovery.ensure_loaded()
    await road.feed(record())
    settings = Settings(
        pepper="an-invented-pepper-for-tests-only",
        redis_url=valkey.url,
        broker_url=f"rstream://{valkey.socket}",
        ledger_url=f"sqlite+aiosqlite:///{tmp_path / 'ledger.sqlite3'}",
        data=tmp_path,
    )
    runner = web.AppRunner(build_app(settings, lambda: NOON))
    await runner.setup()
    replica = runner.app[REPLICA]
    await road.writer.heartbeat()
    try:
        async with asyncio.timeout(10):
            # The state and the beat are another task's.
            while replica.state is not ReplicaState.CURRENT or replica.register_state().age_ms is None:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        yield runner.app[CHECKS]
    finally:
        await runner.cleanup()


async def heard(handler: CheckHandler) -> None:
    """Until the replica has heard of Redis a moment ago, however busy the machine is."""
    while handler.service.fast_allow.replica.heard_ms > 300:  # noqa: ASYNC110 - another task's state
        await asyncio.sleep(0.01)


def check_of(serial: int) -> dict[str, Any]:
    return {
        "scene": "finance.loan",
        "transaction_id": f"T-{serial}",
        "operator": "clerk-7",
        "purpose": "受理审查",
        "subjects": [{"role": "applicant", "id": credit_code(serial)}],
    }


async def test_a_check_of_an_unlisted_subject_costs_no_more_calls_than_it_did(handler: CheckHandler) -> None:
    """One check, the same work each time."""
    costs = list[int]()
    for serial in range(WARM_UP + 3):
        body = json.dumps(check_of(serial)).encode()
        await heard(handler)
        with counted() as found:
            reply = await handler.service.check(CLIENT, body)
        answer = json.loads(reply.body)
        assert (answer["outcome"], answer["indeterminate"]) == ("allow", False)
        costs.append(found.calls)
    assert 0 < max(costs[WARM_UP:]) <= MOST_FOR_ONE, costs


async def test_each_subject_of_a_batch_costs_no_more_calls_than_it_did(handler: CheckHandler) -> None:
    """As many as are answered in one go: each costs less than one alone."""
    count = 25
    body = json.dumps({"checks": [check_of(serial) for serial in range(count)]}).encode()
    await handler.batches.answer(CLIENT, body)
    await heard(handler)
    with counted() as found:
        reply = await handler.batches.answer(CLIENT, body)
    assert json.loads(reply)["counts"] == {"checks": count, "decided": count, "problems": 0}
    assert 0 < found.calls / count <= MOST_FOR_EACH_OF_A_BATCH
