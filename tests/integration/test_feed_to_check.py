"""From a feed to a stopped transaction, the same tests on embedded backends and on those of production."""

import asyncio
import json
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.e2e.program import Answer, court_record, credit_code, eventually, http
from tests.integration.deployments import DEPLOYMENT_KINDS, Deployment, create_deployment

FEEDS, REJECTED = "credit.feeds", "credit.feeds.rejected"


@pytest.fixture(scope="module", params=DEPLOYMENT_KINDS)
def deployment(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A running deployment of either kind."""
    made = create_deployment(request.param, tmp_path_factory.mktemp(request.param.__name__.lower()))
    made.start()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def key(deployment: Deployment) -> str:
    """One client that may feed for the court and check everywhere."""
    return deployment.client("--feed", "court", "--scene", "*")


def feed(deployment: Deployment, key: str, *records: dict[str, object]) -> Answer:
    body = "\n".join(json.dumps(record) for record in records).encode()
    url = f"{deployment.url}/v1/feeds/court/records"
    return http("POST", url, body, key=key, headers={"Content-Type": "application/x-ndjson"})


def outcome(deployment: Deployment, key: str, who: str) -> str | None:
    answer = deployment.check(who, key)
    return answer.json["outcome"] if answer.status == 200 else None


def test_listing_intercepts_and_removal_allows(deployment: Deployment, key: str) -> None:
    """A listing intercepts a check, and its removal allows it again."""
    who = credit_code(1)
    assert feed(deployment, key, court_record("A-1", who)).status == 202
    assert eventually(lambda: outcome(deployment, key, who) == "intercept")
    removal = {
        "operation": "remove",
        "record_no": "A-1",
        "version": 2,
        "document_no": "x",
        "determined_on": "2026-09-01",
    }
    assert feed(deployment, key, removal).status == 202
    assert eventually(lambda: outcome(deployment, key, who) == "allow")


async def test_topic_accepts_records_and_keeps_bad_ones(deployment: Deployment, key: str) -> None:
    """An authority's own producer writes to the topic; records that can never be applied become dead letters."""
    who = credit_code(2)
    good = court_record("A-2", who) | {"authority": "court"}
    wrong = court_record("A-3", credit_code(3)) | {"authority": "taxation"}
    await deployment.produce(FEEDS, [b"{broken", None, json.dumps(wrong).encode(), json.dumps(good).encode()])
    assert eventually(lambda: outcome(deployment, key, who) == "intercept")
    # Four records over several partitions: wait for the last of them.
    for _ in range(100):
        if len(letters := await deployment.read(REJECTED)) >= 3:
            break
        await asyncio.sleep(0.2)
    codes = {headers["cg-code"]: (value, headers) for value, headers in letters}
    assert set(codes) == {b"json_invalid", b"record_not_object", b"category_not_permitted"}
    value, headers = codes[b"json_invalid"]
    assert value == b"{broken"
    assert headers["cg-topic"] == FEEDS.encode()
    assert headers["cg-partition"].isdigit()
    assert headers["cg-offset"].isdigit()
    assert headers["cg-reason"]


def test_kill_9_of_the_worker_in_mid_feed(deployment: Deployment, key: str) -> None:
    """A worker killed while it works: the next one applies every accepted record."""
    accepted = []
    for batch in range(6):
        records = [court_record(f"K-{batch}-{n}", credit_code(1000 + batch * 200 + n)) for n in range(200)]
        answer = feed(deployment, key, *records)
        assert answer.status == 202
        accepted.append(answer.json["receipt"])
        if batch == 3:
            deployment.kill("worker")
            deployment.run("worker")

    def counts() -> dict[str, int]:
        total: Counter[str] = Counter()
        for receipt in accepted:
            total.update(http("GET", f"{deployment.url}/v1/feeds/receipts/{receipt}", key=key).json["counts"])
        return {name: count for name, count in total.items() if count or name == "queued"}

    assert eventually(lambda: counts()["queued"] == 0, 60)
    assert counts() == {"queued": 0, "applied": 1200}
    assert outcome(deployment, key, credit_code(1000)) == "intercept"
    assert outcome(deployment, key, credit_code(2199)) == "intercept"
    for proof in (("register", "verify"), ("ledger", "verify")):
        proven = deployment.cli(*proof)
        assert proven.returncode == 0, proven.stdout + proven.stderr


def test_absent_worker_delays_but_loses_nothing(deployment: Deployment, key: str) -> None:
    """Without a worker, feeds are accepted and checks answered; a later worker applies every record."""
    deployment.kill("worker")
    who = credit_code(5000)
    receipt = feed(deployment, key, court_record("W-1", who)).json["receipt"]
    assert outcome(deployment, key, who) == "allow"
    status = http("GET", f"{deployment.url}/v1/feeds/receipts/{receipt}", key=key).json
    assert status["counts"]["queued"] == 1
    deployment.run("worker")
    assert eventually(lambda: outcome(deployment, key, who) == "intercept", 40)
