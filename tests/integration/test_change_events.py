"""A department's database captured by Debezium: the events of its documentation, on both sets of backends."""

import asyncio
import json
import time
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
import yaml

from config.settings import Settings
from tests.e2e.program import credit_code, eventually
from tests.integration.deployments import DEPLOYMENT_KINDS, Deployment, create_deployment

TOPIC = "court.enforcement.t_sxbzxr"
DAY = (date(2026, 8, 12) - date(1970, 1, 1)).days
BEGAN = int(time.time() * 1000) - 86_400_000


@pytest.fixture(scope="module", params=DEPLOYMENT_KINDS)
def deployment(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A deployment that reads the change events of a table of the court."""
    directory = tmp_path_factory.mktemp("changes")
    departments = yaml.safe_load(Settings().departments.read_text())
    departments["departments"]["court"]["change_topics"] = {TOPIC: "debezium-court"}
    (directory / "departments.yaml").write_text(yaml.safe_dump(departments, allow_unicode=True))
    made = create_deployment(request.param, directory)
    made.settings["CREDITGATE_DEPARTMENTS"] = str(directory / "departments.yaml")
    made.start()
    yield made
    made.stop()


def table_row(number: int, **changes: Any) -> dict[str, Any]:  # noqa: ANN401
    """A row of the court's own table."""
    return {
        "id": number,
        "ah": f"(2026)苏0811执{number}号",
        "bzxrmc": f"淮安云岫变更{number}有限公司",
        "ztlx": "2",
        "zjhm": credit_code(number),
        "xb": None,
        "fddbr": "江云舟",
        "sxxw": "有履行能力而拒不履行",
        "zxyj": "(2026)苏0811民初1号",
        "jdwh": f"（2026）苏0811执{number}号",
        "jdrq": DAY,
        "ycrq": None,
        "fbsj": None,
        "pbwh": None,
    } | changes


def event(op: str, before: Any, after: Any, at: int, *, schema: bool = False) -> bytes:  # noqa: ANN401
    """The envelope; with ``schema`` as the JSON converter writes it by default."""
    source = {"version": "3.0.0.Final", "connector": "mysql", "name": "court", "ts_ms": BEGAN + at, "table": "t_sxbzxr"}
    payload = {"before": before, "after": after, "source": source, "op": op, "ts_ms": BEGAN + at + 5}
    return json.dumps(
        {"schema": {"type": "struct", "name": "Envelope"}, "payload": payload} if schema else payload
    ).encode()


def produce(deployment: Deployment, *values: bytes | None) -> None:
    asyncio.run(deployment.produce(TOPIC, list(values)))


@pytest.fixture(scope="module")
def key(deployment: Deployment) -> str:
    return deployment.client("--scene", "*")


def stopped(deployment: Deployment, key: str, number: int) -> bool:
    answer = deployment.check(credit_code(number), key)
    return answer.status == 200 and answer.json["outcome"] == "intercept"


@pytest.mark.parametrize("schema", [False, True], ids=["plain", "with-schema"])
def test_row_is_listed_until_deleted(deployment: Deployment, key: str, schema: bool) -> None:
    """A created row intercepts a bidder, an update shows in the answer, a deletion with its tombstone allows."""
    number = 3001 + schema
    row = table_row(number)
    produce(deployment, event("c", None, row, 1, schema=schema))
    assert eventually(lambda: stopped(deployment, key, number))
    changed = row | {"jdwh": "（2026）苏0811执改号"}
    produce(deployment, event("u", row, changed, 2, schema=schema))

    def document() -> str:
        answer = deployment.check(credit_code(number), key).json
        return str(answer["subjects"][0]["listings"][0]["document_no"])

    assert eventually(lambda: document() == "（2026）苏0811执改号")
    produce(deployment, event("d", changed, None, 3, schema=schema), None)
    assert eventually(lambda: not stopped(deployment, key, number))


def test_repeated_snapshot_and_late_events_change_nothing(deployment: Deployment, key: str) -> None:
    """A connector that starts over repeats old events in any order; they do not restore a deleted row."""
    row = table_row(3011)
    events = [event("r", None, row, 1), event("u", row, row, 2), event("d", row, None, 9)]
    last = table_row(3012)
    produce(deployment, events[2], None, events[0], events[1], *events, event("c", None, last, 1))
    assert eventually(lambda: stopped(deployment, key, 3012))
    assert not stopped(deployment, key, 3011)


def test_invalid_change_events_become_dead_letters(deployment: Deployment, key: str) -> None:
    """A deletion without a row, a truncation and rubbish become dead letters; processing goes on."""
    bad = [event("d", None, None, 1), event("t", None, None, 1), b"{", event("c", None, table_row(3021, zjhm="1"), 1)]
    produce(deployment, *bad, event("c", None, table_row(3022), 1))
    assert eventually(lambda: stopped(deployment, key, 3022))
    codes = {headers["cg-code"].decode() for _, headers in asyncio.run(deployment.read("credit.feeds.rejected"))}
    assert {"change_without_before", "change_not_of_a_row", "json_invalid", "identifier_length"} <= codes


def test_change_topic_without_format_is_refused(deployment: Deployment) -> None:
    """``config check`` names the authority and the topic."""
    departments = yaml.safe_load(Settings().departments.read_text())
    departments["departments"]["court"]["change_topics"] = {TOPIC: "red-list"}
    path = deployment.directory / "wrong.yaml"
    path.write_text(yaml.safe_dump(departments, allow_unicode=True))
    kept, deployment.environment["CREDITGATE_DEPARTMENTS"] = deployment.environment["CREDITGATE_DEPARTMENTS"], str(path)
    try:
        found = deployment.cli("config", "check")
    finally:
        deployment.environment["CREDITGATE_DEPARTMENTS"] = kept
    assert found.returncode == 1
    assert f"court.change_topics.{TOPIC}" in found.stderr
