"""The main task: a department's feed intercepts a real transaction."""

import json
import re
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.program import Program, court_record, credit_code, eventually, http

BIDDER, SELLER, APPLICANT, TRUSTED = (
    "91320800MA1TE5T0XK",
    "92320803MA1TE5T18U",
    "32082919880315006X",
    "54320800MJ5TE5T428",
)


def test_the_printed_curl_is_intercepted(program: Program) -> None:
    """The command that ``make run`` prints works unchanged and intercepts the bidder."""
    command = re.search(r"^curl .*?\\\n.*$", program.output, re.MULTILINE)
    assert command, program.output
    answer = json.loads(subprocess.run(["bash", "-c", command[0]], capture_output=True, check=True).stdout)
    assert answer["outcome"] == "intercept"


@pytest.mark.parametrize(
    ("scene", "role", "who", "outcome", "measure", "article"),
    [
        ("bidding.qualification", "bidder", BIDDER, "intercept", "P05", "第十四条（五）"),
        ("ecommerce.onboarding", "seller", SELLER, "intercept", "EC1", "五（二）"),
        ("approval.licence", "applicant", APPLICANT, "lock", "PL1", "五（二）"),
        ("funds.grant", "applicant", TRUSTED, "fast_track", "I03", "第十三条（三）"),
    ],
)
def test_intercept_cites_its_legal_basis(
    program: Program, scene: str, role: str, who: str, outcome: str, measure: str, article: str
) -> None:
    """Bidder, seller and applicant are intercepted, red-listed ones are fast-tracked; each answer cites its article."""
    answer = program.check(scene, who, role, transaction_id=f"T-{scene}").json
    assert answer["outcome"] == outcome
    measures = {m["code"]: m for m in answer["measures"]}
    assert article in measures[measure]["basis"]
    listing = answer["subjects"][0]["listings"][0]
    assert listing["document_no"]
    assert listing["basis"]
    assert answer["policy"]["pack"] == "huaian-2018"
    assert answer["as_of"]["sequence"] > 0
    if outcome != "fast_track":
        assert answer["remedy"]["where"]


def test_person_number_is_never_returned(program: Program) -> None:
    """The answer shows a masked number and no name."""
    body = program.check("approval.licence", APPLICANT).body.decode()
    assert APPLICANT not in body
    assert "*" in body


def test_listing_then_removal_changes_the_outcome(program: Program) -> None:
    """A record is in force a moment after its receipt, and out of force a moment after its removal."""
    who, feeder = credit_code(9_000_001), feeder_key(program)
    assert program.check("bidding.qualification", who, "bidder").json["outcome"] == "allow"
    url = f"{program.url}/v1/feeds/court/records"
    accepted = http("POST", url, court_record("E2E-1", who), key=feeder)
    assert accepted.status == 202
    settle(program, accepted.json["receipt"], feeder)
    assert program.check("bidding.qualification", who, "bidder").json["outcome"] == "intercept"
    removal = {
        "operation": "remove",
        "record_no": "E2E-1",
        "version": 2,
        "document_no": "（2026）苏0811执撤1号",
        "determined_on": "2026-09-01",
    }
    settle(program, http("POST", url, removal, key=feeder).json["receipt"], feeder)
    assert program.check("bidding.qualification", who, "bidder").json["outcome"] == "allow"
    # The older listing arrives again, late: it changes nothing, and its receipt says so.
    again = http("POST", url, court_record("E2E-1", who), key=feeder).json["receipt"]
    assert settle(program, again, feeder)["counts"]["superseded"] == 1
    assert program.check("bidding.qualification", who, "bidder").json["outcome"] == "allow"


def test_removal_by_one_authority_leaves_the_other_listing(program: Program) -> None:
    """One department's removal does not affect another's listing."""
    who, feeder = credit_code(9_000_002), feeder_key(program)
    for authority, category in (("court", "C07"), ("taxation", "C04")):
        record = court_record("E2E-2", who, category=category)
        receipt = http("POST", f"{program.url}/v1/feeds/{authority}/records", record, key=feeder).json["receipt"]
        settle(program, receipt, feeder)
    removal = {
        "operation": "remove",
        "record_no": "E2E-2",
        "version": 2,
        "document_no": "x",
        "determined_on": "2026-09-01",
    }
    settle(program, http("POST", f"{program.url}/v1/feeds/court/records", removal, key=feeder).json["receipt"], feeder)
    answer = program.check("bidding.qualification", who, "bidder").json
    assert answer["outcome"] == "intercept"
    assert [item["authority"] for item in answer["subjects"][0]["listings"]] == ["taxation"]


def test_ndjson_with_one_bad_line(program: Program) -> None:
    """A bad record does not affect others; answer and receipt have its line, code and hint."""
    feeder = feeder_key(program)
    good = court_record("E2E-3", credit_code(9_000_003))
    bad = court_record("E2E-4", credit_code(9_000_004)[:-1] + "?")
    body = "\n".join([json.dumps(good), "{broken", json.dumps(bad)]).encode()
    headers = {"Content-Type": "application/x-ndjson"}
    answer = http("POST", f"{program.url}/v1/feeds/court/records", body, key=feeder, headers=headers)
    assert answer.status == 202
    results = answer.json["results"]
    assert [(r["status"], r.get("code")) for r in results] == [
        ("queued", None),
        ("rejected", "json_invalid"),
        ("rejected", "identifier_characters"),
    ]
    assert results[2]["line"] == 3
    assert results[2]["reason_zh"]
    final = settle(program, answer.json["receipt"], feeder)
    assert final["counts"] == {"queued": 0, "applied": 1, "superseded": 0, "rejected": 2, "held": 0, "discarded": 0}


def feeder_key(program: Program) -> str:
    """The key of a client that may feed for court and taxation."""
    made = program.cli("clients", "add", f"feeder-{len(_made)}", "--feed", "court", "--feed", "taxation")
    assert made.returncode == 0, made.stderr
    _made.append(made.stdout)
    return made.stdout.strip()


_made: list[str] = []


def settle(program: Program, receipt: str, key: str) -> dict[str, Any]:
    """The receipt once none of its records is queued."""

    def applied_receipt() -> dict[str, Any] | None:
        found = http("GET", f"{program.url}/v1/feeds/receipts/{receipt}", key=key).json
        return None if found["counts"]["queued"] else dict(found)

    done = eventually(applied_receipt)
    assert done
    return done


def test_no_identifier_in_logs_redis_or_metrics(program: Program) -> None:
    """After checks and feeds, a person's number is in no log line, metric, Redis key or Redis value."""
    program.check("approval.licence", APPLICANT)
    metrics = http("GET", f"{program.url}/metrics", key=program.key).body.decode()
    logs = gateway_log(program)
    aof = b"".join(p.read_bytes() for p in (program.data / "valkey" / "appendonlydir").iterdir())
    register = re.findall(rb"cg:(?:subject|listing|changes)[^\r\n]*", aof)
    assert register
    assert APPLICANT not in metrics
    assert APPLICANT not in logs
    assert not any(APPLICANT.encode() in key for key in register)
    assert Path(program.data / "ledger.sqlite3").exists()


def test_unreadable_request_is_not_logged(program: Program) -> None:
    """The log has neither the key nor a number of the address, only the event and the kind of fault."""
    sound = f"GET /livez HTTP/1.1\r\nHost: {program.url[7:]}\r\n\r\n".encode()
    for bad in (f"GET /{APPLICANT} HTTP/1.1\r\nAuthorization{APPLICANT}\r\n\r\n", f"{APPLICANT}\r\n\r\n"):
        with socket.create_connection(("127.0.0.1", program.port), timeout=20) as caller:
            caller.sendall(sound)
            assert b" 200 " in caller.recv(65536)
            caller.sendall(bad.encode())
            assert b" 400 " in caller.recv(65536)
    logs = eventually(lambda: log if "request unreadable" in (log := gateway_log(program)) else None)
    assert logs
    assert APPLICANT not in logs


def gateway_log(program: Program) -> str:
    return "".join(path.read_text(errors="replace") for path in (program.data / "logs").iterdir())
