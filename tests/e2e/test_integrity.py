"""The operator's integrity commands: history, verification, rebuild, and the detection of a changed ledger."""

import json
import sqlite3
from collections.abc import Iterator

import pytest

from tests.e2e.program import Program, court_record, credit_code, eventually, http


@pytest.fixture(scope="module")
def centre(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """A program with one listing that was objected to, kept and removed, and one that is in force."""
    started = Program(tmp_path_factory.mktemp("proof") / "var").start()
    key = started.cli("clients", "add", "court-feed", "--feed", "court").stdout.strip()
    url = f"{started.url}/v1/feeds/court/records"
    act = {"record_no": "L-1", "determined_on": "2026-09-01"}
    people = [{"role": "legal_representative", "name": "江云舟", "id": "32082919880315006X"}]
    records = [
        court_record("L-1", credit_code(1)) | {"responsible_persons": people},
        court_record("L-2", credit_code(2)),
        act | {"operation": "object", "objection_no": "YY-1"},
        act | {"operation": "object_resolve", "objection_no": "YY-1", "document_no": "FH-1", "result": "rejected"},
        act | {"operation": "remove", "document_no": "YC-1", "version": 2, "determined_on": "2026-10-01"},
    ]
    receipt = http("POST", url, records, key=key).json["receipt"]
    address = f"{started.url}/v1/feeds/receipts/{receipt}"
    assert eventually(lambda: http("GET", address, key=key).json["counts"]["applied"] == len(records))
    yield started
    assert started.stop() == 0


def test_listing_history_names_actors_and_changes(centre: Program) -> None:
    """The history has every event with client, document, state before and after, and the listing's side effects."""
    done = centre.cli("listing", "history", "court/L-1", "--json")
    assert done.returncode == 0, done.stderr
    life = json.loads(done.stdout)
    operations = ["list", "object", "object_resolve", "remove"]
    assert [(event["operation"], event["client"]) for event in life["events"]] == [
        (o, "court-feed") for o in operations
    ]
    assert life["events"][1]["after"]["open_objections"] == 1
    assert life["events"][2]["after"]["open_objections"] == 0
    assert life["events"][3]["document_no"] == "YC-1"
    assert life["events"][3]["after"]["ended_as"] == "removed"
    assert life["now"]["state"] == "removed"
    assert [row["state"] for row in life["follows_from_it"]] == ["removed"]
    assert "32082919880315006X" not in done.stdout
    printed = centre.cli("listing", "history", life["listing"])
    assert "YC-1" in printed.stdout
    assert centre.cli("listing", "history", "court/L-9").returncode == 1


def test_rebuild_and_verify_in_the_running_program(centre: Program) -> None:
    """Verification is clean before and after a rebuild, with the same digests, and checks answer as before."""
    before = centre.cli("register", "verify", "--json")
    assert before.returncode == 0, before.stdout + before.stderr
    assert centre.cli("register", "rebuild").returncode == 0
    after = centre.cli("register", "verify", "--json")
    assert json.loads(after.stdout) == json.loads(before.stdout)
    assert json.loads(after.stdout)["register"]["in_force"] == 1
    answer = centre.check("bidding.qualification", credit_code(2), "bidder")
    assert answer.json["outcome"] == "intercept"
    assert centre.cli("ledger", "verify").returncode == 0


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("UPDATE feed_events SET authority = 'taxation' WHERE id = 2", "row 2 was altered"),
        ("DELETE FROM feed_events WHERE id = 2", "rows 2 to 2 are missing"),
        ("DELETE FROM feed_events WHERE id = (SELECT max(id) FROM feed_events)", "missing at the end"),
        ("UPDATE receipts SET client = 'nobody'", "was altered"),
    ],
)
def test_a_ledger_tampered_with_is_found(centre: Program, statement: str, message: str) -> None:
    """A row that is changed after the database's guards were dropped is found and named."""
    with sqlite3.connect(centre.data / "ledger.sqlite3", timeout=30) as database:
        tables = ("feed_events", "receipts")
        kept = {table: database.execute(f"SELECT * FROM {table}").fetchall() for table in tables}  # noqa: S608
        guards = database.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in guards:
            database.execute(f"DROP TRIGGER {name}")
        database.execute(statement)
    try:
        found = centre.cli("ledger", "verify")
        assert found.returncode == 1
        assert message in found.stdout
    finally:
        with sqlite3.connect(centre.data / "ledger.sqlite3", timeout=30) as database:
            for table, rows in kept.items():
                database.execute(f"DELETE FROM {table}")  # noqa: S608
                marks = ", ".join("?" * len(rows[0]))
                database.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)  # noqa: S608
            for _, sql in guards:
                database.execute(sql)
    assert centre.cli("ledger", "verify").returncode == 0
