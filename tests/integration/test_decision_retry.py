"""A check is decided again when the listing that would lock ends between judging and recording: SQLite, PostgreSQL."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from redis.asyncio import Redis
from sqlalchemy import func, select

from config.settings import Settings
from gateway.app import CHECKS, REPLICA, build_app
from gateway.checks.service import CheckService
from store.db.engine import connect
from store.db.migrate import migrate
from store.db.schema import decisions, locks
from store.platforms.clients import Client, Grants
from store.replica.replica import ReplicaState
from tests.e2e.program import credit_code
from tests.integration.feeding import NOON, FeedPipeline
from tests.integration.test_locks import COURT, TAXED
from tests.integration.valkey_server import ValkeyServer
from tests.postgresql import PostgreSQLServer
from tests.servers import require
from tests.unit.records import record, removal

CLIENT = Client("shop", Grants(scenes=frozenset("*")), 0)
LISTED = credit_code(1)
SUBJECT = {"subject": {"id": LISTED}}


@dataclass
class Setting:
    """The checks of a gateway, and the pipeline that feeds its register and ledger."""

    service: CheckService
    pipeline: FeedPipeline

    async def check(self, **more: Any) -> dict[str, Any]:  # noqa: ANN401
        payload = {
            "scene": "approval.licence",
            "transaction_id": "T-1",
            "operator": "o",
            "purpose": "p",
            "subjects": [{"role": "applicant", "id": LISTED}],
        }
        body = (await self.service.check(CLIENT, json.dumps(payload | more).encode())).body
        return dict(json.loads(body))

    def end_before_recording(self, times: int = 1) -> list[int]:
        """End the court's listing after the verdict and before its record; the list has an item per attempt."""
        store, attempts = self.service.decision_service.locks, list[int]()
        released_listings = store.released_listings

        async def ended_meanwhile(targets: list[str]) -> set[tuple[str, str]]:
            attempts.append(len(attempts))
            if len(attempts) <= times:
                await self.pipeline.feed(removal(version=10 + len(attempts)))
            return await released_listings(targets)

        store.released_listings = ended_meanwhile  # type: ignore[method-assign, assignment]
        return attempts

    async def count(self, table: Any) -> int:  # noqa: ANN401
        async with self.pipeline.engine.connect() as connection:
            return int((await connection.execute(select(func.count()).select_from(table))).scalar_one())


@pytest.fixture
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgreSQLServer]:
    """An empty PostgreSQL."""
    require(PostgreSQLServer.available())
    with PostgreSQLServer(tmp_path_factory.mktemp("postgresql")) as running:
        yield running


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
async def setting(
    request: pytest.FixtureRequest, redis: "Redis", valkey: ValkeyServer, tmp_path: Path
) -> AsyncIterator[Setting]:
    """Two severe listings of one company: the court's and the taxation bureau's."""
    url = f"sqlite+aiosqlite:///{tmp_path / 'ledger.sqlite3'}"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgresql").url
    engine = connect(url)
    await migrate(engine)
    pipeline = FeedPipeline(redis, engine)
    await pipeline.recovery.ensure_loaded()
    await pipeline.feed(record(**SUBJECT), record(**TAXED, **SUBJECT))
    settings = Settings(
        pepper="p" * 32, redis_url=valkey.url, broker_url=f"rstream://{valkey.socket}", ledger_url=url, data=tmp_path
    )
    runner = web.AppRunner(build_app(settings, lambda: NOON))
    await runner.setup()
    try:
        async with asyncio.timeout(10):
            while runner.app[REPLICA].state is not ReplicaState.CURRENT:  # noqa: ASYNC110 - another task's state
                await asyncio.sleep(0.01)
        yield Setting(runner.app[CHECKS].service, pipeline)
    finally:
        await runner.cleanup()
        await engine.dispose()


async def test_it_is_decided_again_without_the_listing_that_ended(setting: Setting) -> None:
    """The first attempt writes nothing; the second locks by the other listing; a check after it sees that lock."""
    before = await setting.count(locks), await setting.count(decisions)
    attempts = setting.end_before_recording()
    answer = await setting.check(transaction_id="T-retry")
    assert len(attempts) == 2
    assert answer["outcome"] == "lock"
    assert COURT not in [listing["id"] for subject in answer["subjects"] for listing in subject["listings"]]
    (lock,) = answer["locks"]
    assert (await setting.count(locks), await setting.count(decisions)) == (before[0] + 1, before[1] + 1)
    held = await setting.service.decision_service.locks.find(lock["id"])
    assert held is not None
    assert COURT not in held.listings
    assert [item["id"] for item in (await setting.check(transaction_id="T-retry"))["locks"]] == [lock["id"]]


async def test_without_any_listing_left_it_is_an_allow(setting: Setting) -> None:
    """When the last listing ends during the decision, nothing is locked."""
    await setting.pipeline.feed(removal(**{name: TAXED[name] for name in ("authority", "record_no")}, version=20))
    attempts = setting.end_before_recording()
    before = await setting.count(locks)
    answer = await setting.check(transaction_id="T-free")
    assert len(attempts) == 1, "the second attempt wants no lock, and asks for no releases"
    assert (answer["outcome"], answer["locks"]) == ("allow", [])
    assert await setting.count(locks) == before
