"""The contract with callers: permissions, error codes, locks, and what each client may see."""

import base64
import gzip
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.e2e.program import Answer, Program, court_record, credit_code, eventually, http

BIDDER = "91320800MA1TE5T0XK"
PERSON = "32082919880315006X"


def client(program: Program, name: str, *options: str) -> str:
    """Register a client on the command line and return its key."""
    made = program.cli("clients", "add", name, *options)
    assert made.returncode == 0, made.stderr
    return made.stdout.strip()


def body(**changes: Any) -> dict[str, Any]:  # noqa: ANN401
    value: dict[str, Any] = {
        "scene": "bidding.qualification",
        "transaction_id": "T-1",
        "operator": "o",
        "purpose": "p",
        "subjects": [{"role": "bidder", "id": BIDDER}],
    }
    return {key: item for key, item in (value | changes).items() if item is not None}


def problem(answer: Answer, status: int, code: str) -> dict[str, Any]:
    """Assert an RFC 9457 problem with this code, in both languages."""
    document: dict[str, Any] = answer.json
    assert (answer.status, document["code"], document["status"]) == (status, code, status)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert document["title"]
    assert document["title_zh"]
    return document


@pytest.mark.parametrize(
    ("sent", "status", "code", "path"),
    [
        (b"{", 400, "json_invalid", None),
        (b"\xff\xfe", 400, "json_invalid", None),
        ([], 422, "request_invalid", "$"),
        (body(scene="bidding.nothing"), 422, "scene_unknown", "$.scene"),
        (body(subjects=[]), 422, "subject_missing", "$.subjects"),
        (body(subjects=None), 422, "subject_missing", "$.subjects"),
        (body(operator=None), 422, "operator_missing", "$.operator"),
        (body(purpose="  "), 422, "purpose_missing", "$.purpose"),
        (body(transaction_id=None), 422, "request_invalid", "$"),
        (body(surprise=1), 422, "request_invalid", "$"),
        (body(transaction_id="T\u0000"), 422, "request_invalid", "$.transaction_id"),  # no database keeps a NUL
        (body(operator="a\nb"), 422, "request_invalid", "$.operator"),
        (body(subjects=[{"role": "king", "id": BIDDER}]), 422, "request_invalid", "$.subjects[0].role"),
        (body(subjects=[{"role": "bidder"}]), 422, "subject_unidentified", "$.subjects[0]"),
        (body(subjects=[{"role": "bidder", "id": BIDDER[:-1] + "J"}]), 422, "identifier_invalid", "$.subjects[0].id"),
        (b"x" * (1024 * 1024 + 1), 413, "body_too_large", None),
    ],
)
def test_bad_checks_name_fault_and_field(
    program: Program, sent: object, status: int, code: str, path: str | None
) -> None:
    """Every invalid check gets its code and path; none is answered with allow."""
    document = problem(http("POST", f"{program.url}/v1/checks", sent, key=program.key), status, code)
    assert document.get("path") == path


def test_wrongly_encoded_body_is_a_client_error(program: Program) -> None:
    """A body of rubbish, a truncated one or none gets a 4xx, and nothing of it is echoed."""
    key = client(program, "gzip", "--feed", "court", "--scene", "*")
    encoded = {"Content-Encoding": "gzip"}
    for path in ("/v1/checks", "/v1/checks/batch", "/v1/feeds/court/records"):
        answer = http("POST", program.url + path, b"no gzip at all", key=key, headers=encoded)
        problem(answer, 400, "body_unreadable")
        assert b"gzip" not in answer.body
        for sent in (gzip.compress(b'{"scene": ["x"]}')[:-16], b""):
            assert http("POST", program.url + path, sent, key=key, headers=encoded).status in (400, 422)


def test_every_route_but_health_needs_a_key(program: Program) -> None:
    """Without a key every route but /livez and /readyz answers 401."""
    for path in (
        "/metrics",
        "/openapi.json",
        "/docs",
        "/v1/schemas/feed-record",
        "/v1/locks/x",
        "/v1/feeds/receipts/x",
    ):
        problem(http("GET", program.url + path), 401, "key_missing")
    problem(http("POST", f"{program.url}/v1/checks", body()), 401, "key_missing")
    problem(http("POST", f"{program.url}/v1/checks", body(), key="guessed"), 401, "key_unknown")
    for path in ("/docs", "/metrics", "/v1/schemas/feed-record"):
        assert http("GET", program.url + path).headers["WWW-Authenticate"].startswith("Basic")  # a browser asks
    assert http("GET", f"{program.url}/livez").status == 200
    assert http("GET", f"{program.url}/readyz").json["status"] == "ready"
    problem(http("GET", f"{program.url}/nowhere"), 404, "not_found")
    wrong = http("DELETE", f"{program.url}/v1/checks")
    problem(wrong, 405, "method_not_allowed")
    assert wrong.headers["Allow"] == "POST"


def test_403_names_the_missing_grant(program: Program) -> None:
    """A client may do what it was granted; a 403 names the grant that it lacks."""
    key = client(program, "narrow", "--scene", "finance.loan", "--feed", "taxation")
    missing = [
        (http("POST", f"{program.url}/v1/checks", body(), key=key), "scene_not_granted"),
        (http("POST", f"{program.url}/v1/feeds/court/records", court_record("X", BIDDER), key=key), "feed_not_granted"),
        (http("GET", f"{program.url}/metrics", key=key), "inspect_not_granted"),
    ]
    for answer, code in missing:
        assert "missing" in problem(answer, 403, code)["detail"]
    problem(http("POST", f"{program.url}/v1/feeds/nobody/records", {}, key=key), 404, "authority_unknown")


def test_revoked_key_is_refused(program: Program) -> None:
    """A revoked key is refused within seconds by a running gateway, and the list shows it."""
    key = client(program, "short-lived", "--scene", "*")
    assert http("POST", f"{program.url}/v1/checks", body(), key=key).status == 200
    assert program.cli("clients", "revoke", "short-lived").returncode == 0
    assert eventually(lambda: http("POST", f"{program.url}/v1/checks", body(), key=key).status == 401)
    assert program.cli("clients", "revoke", "short-lived").returncode == 1
    listed = json.loads(program.cli("clients", "list", "--json").stdout)
    assert next(item for item in listed if item["id"] == "short-lived")["revoked_at"]


def test_listings_not_granted_look_like_no_listing(program: Program) -> None:
    """A shop that may use only public data gets the same answer for a government listing as for no listing."""
    hidden, unlisted = credit_code(8_000_001), credit_code(8_000_002)
    feeder = client(program, "feed-hidden", "--feed", "court")
    receipt = http(
        "POST",
        f"{program.url}/v1/feeds/court/records",
        court_record("HID-1", hidden, data_class="government"),
        key=feeder,
    ).json["receipt"]
    eventually(
        lambda: http("GET", f"{program.url}/v1/feeds/receipts/{receipt}", key=feeder).json["counts"]["applied"] == 1
    )
    public = client(program, "shop-public", "--scene", "*")
    hall = client(program, "hall", "--scene", "*", "--data-class", "public", "--data-class", "government")

    def ask(who: str, key: str) -> dict[str, Any]:
        response = program.check("bidding.qualification", who, "bidder", key=key, transaction_id="SAME")
        answer: dict[str, Any] = response.json
        for varying in ("decision_id", "as_of", "feedback_due"):
            answer.pop(varying)
        answer["subjects"][0].pop("masked_id")
        return answer

    assert eventually(lambda: ask(hidden, hall)["outcome"] == "intercept")
    assert ask(hidden, public) == ask(unlisted, public)


def test_lock_is_released_once_with_a_reason(program: Program) -> None:
    """Two hundred concurrent checks make one lock; a release needs the permission and a reason, and is stored."""
    clerk = client(program, "hall-clerk", "--scene", "*")
    officer = client(program, "hall-officer", "--release")

    def ask() -> dict[str, Any]:
        answer: dict[str, Any] = program.check("approval.licence", PERSON, key=clerk, transaction_id="LOCK-1").json
        return answer

    with ThreadPoolExecutor(64) as pool:
        answers = list(pool.map(lambda _: ask(), range(200)))
    assert {answer["outcome"] for answer in answers} == {"lock"}
    (lock,) = {answer["locks"][0]["id"] for answer in answers}
    url = f"{program.url}/v1/locks/{lock}"
    assert http("GET", url, key=clerk).json["state"] == "held"
    problem(http("GET", url, key=client(program, "stranger", "--scene", "*")), 404, "lock_unknown")
    why = {"reason": "核实有误", "document_no": "更正函〔2026〕7号"}
    problem(http("POST", f"{url}/release", why | {"operator": "o"}, key=clerk), 403, "release_not_granted")
    for missing in why:
        without = {name: value for name, value in why.items() if name != missing} | {"operator": "o"}
        problem(http("POST", f"{url}/release", without, key=officer), 422, "request_invalid")
    problem(http("POST", f"{url}/release", why, key=officer), 422, "operator_missing")
    released = http("POST", f"{url}/release", why | {"operator": "office-chief"}, key=officer).json
    assert released["state"] == "released"
    assert [change["state"] for change in released["history"]] == ["held", "released"]
    problem(http("POST", f"{url}/release", why | {"operator": "o"}, key=officer), 409, "lock_not_held")
    after = ask()
    assert (after["outcome"], after["locks"], after["subjects"][0]["notes"]) == ("warn", [], ["lock_released"])
    assert program.check("approval.licence", PERSON, key=clerk, transaction_id="LOCK-2").json["outcome"] == "lock"


def test_locked_account_locks_every_transaction(program: Program) -> None:
    """A lock applies to every later transaction of the account, whatever its subjects."""
    key = client(program, "trading", "--scene", "*")
    first = program.check("bidding.qualification", BIDDER, "bidder", key=key, account_id="acc-1").json
    assert first["outcome"] == "intercept"
    clean = credit_code(8_000_009)
    next_one = program.check(
        "bidding.qualification", clean, "bidder", key=key, account_id="acc-1", transaction_id="T-2"
    ).json
    assert next_one["outcome"] == "lock"
    assert next_one["locks"] == first["locks"]
    other = client(program, "trading-2", "--scene", "*")
    assert (
        program.check("bidding.qualification", clean, "bidder", key=other, account_id="acc-1").json["outcome"]
        == "allow"
    )


def test_release_of_a_changed_lock_is_refused(program: Program) -> None:
    """When a listing joins while an officer decides, ``If-Match`` refuses the act until the lock is read again."""
    key, officer = client(program, "trading-3", "--scene", "*"), client(program, "lock-officer", "--release")
    feeder = client(program, "feed-joins", "--feed", "court")
    first, second = credit_code(8_100_001), credit_code(8_100_002)
    records = [court_record(f"JOIN-{who}", who) for who in (first, second)]
    assert http("POST", f"{program.url}/v1/feeds/court/records", records, key=feeder).status == 202

    def ask(who: str) -> dict[str, Any]:
        answer = program.check("bidding.qualification", who, "bidder", key=key, account_id="acc-join")
        return dict(answer.json)

    assert eventually(lambda: ask(first)["outcome"] == "intercept")
    (held,) = (lock for lock in ask(first)["locks"] if lock["scope"] == "account")
    url = f"{program.url}/v1/locks/{held['id']}"
    seen = http("GET", url, key=officer)
    assert seen.json["listings"] == 1
    assert eventually(lambda: ask(second)["outcome"] == "intercept")
    why = {"reason": "核实有误", "document_no": "更正函〔2026〕8号", "operator": "o"}
    confirmation = {"reason": "已执行", "operator": "o"}
    for tag in (seen.headers["Etag"], '"other"', "bare", "W/" + seen.headers["Etag"]):
        condition = {"If-Match": tag}
        problem(http("POST", f"{url}/release", why, key=officer, headers=condition), 412, "lock_changed")
        problem(http("POST", f"{url}/confirm", confirmation, key=officer, headers=condition), 412, "lock_changed")
    again = http("GET", url, key=officer)
    assert (again.json["state"], again.json["listings"]) == ("held", 2)
    ended = http("POST", f"{url}/release", why, key=officer, headers={"If-Match": again.headers["Etag"]})
    assert (ended.status, ended.json["state"]) == (200, "released")


def test_unattended_client_has_fixed_operator_and_purpose(program: Program) -> None:
    """A registration may fix operator and purpose, which requests may then omit."""
    key = client(program, "robot", "--scene", "*", "--operator", "onboarding-job", "--purpose", "商家入驻核验")
    answer = http("POST", f"{program.url}/v1/checks", body(operator=None, purpose=None), key=key)
    assert answer.json["outcome"] == "intercept"


def test_delivery_without_an_accepted_record_is_422(program: Program) -> None:
    """A delivery without an accepted record is not answered with 202."""
    key = client(program, "feed-bad", "--feed", "court")
    url = f"{program.url}/v1/feeds/court/records"
    document = problem(http("POST", url, court_record("B-1", BIDDER, category="C01"), key=key), 422, "records_refused")
    assert document["results"][0]["code"] == "category_not_permitted"
    problem(http("POST", url, b"[]", key=key), 400, "body_empty")
    problem(http("POST", url, b"<x/>", key=key, headers={"Content-Type": "text/xml"}), 415, "media_type_unsupported")


def test_metrics_and_api_docs_are_served(program: Program) -> None:
    """Checks by scene and outcome, latency from 100 µs, feed results, register size; a valid description."""
    program.check("finance.loan", BIDDER, "borrower")
    metrics = http("GET", f"{program.url}/metrics", key=program.key).body.decode()
    for name in (
        'creditgate_checks_total{outcome="warn",scene="finance.loan"}',
        'creditgate_check_duration_seconds_bucket{le="0.0001",scene="finance.loan"}',
        'creditgate_feed_records_total{authority="court",result="applied"}',
        "creditgate_feed_to_register_seconds_bucket",
        "creditgate_register_listings",
    ):
        assert name in metrics, name
    schema = http("GET", f"{program.url}/v1/schemas/feed-record", key=program.key)
    assert schema.json["$schema"].endswith("2020-12/schema")
    assert http("GET", f"{program.url}/openapi.json", key=program.key).json["openapi"].startswith("3.1")
    basic = base64.b64encode(f"demo:{program.key}".encode()).decode()
    assert http("GET", f"{program.url}/docs", headers={"Authorization": f"Basic {basic}"}).status == 200


def test_decisions_reach_the_ledger(program: Program) -> None:
    """Allows are recorded a moment later too: operator, purpose and time."""
    import sqlite3

    decision = program.check("finance.loan", credit_code(8_000_010), "borrower").json["decision_id"]

    def on_record() -> tuple[str, str, str] | None:
        with sqlite3.connect(f"file:{program.data / 'ledger.sqlite3'}?mode=ro", uri=True) as ledger:
            query = "SELECT client, operator, outcome FROM decisions WHERE id = ?"
            found: tuple[str, str, str] | None = ledger.execute(query, (decision,)).fetchone()
            return found

    assert eventually(on_record) == ("demo", "clerk-7", "allow")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["check", "--scene", "bidding.qualification", "--id", BIDDER, "--role", "bidder"], 1),
        (["check", "--scene", "finance.loan", "--id", BIDDER], 0),
        (["check", "--scene", "finance.loan", "--id", "123"], 2),
        (["check", "--scene", "finance.loan"], 2),
        (["check", "--scene", "approval.licence", "--name", "沈知微"], 1),
        (["register", "show", BIDDER], 0),
        (["register", "show", "91320800MA1TE5T0XJ"], 2),
        (["register", "stats"], 0),
        (["clients", "add", "y", "--scene", "nowhere"], 2),
        (["config", "check"], 0),
        (["feed", "push", "/nowhere.csv", "--authority", "court"], 2),
        (["nonsense"], 2),
    ],
)
def test_command_line_exit_codes(program: Program, arguments: list[str], code: int) -> None:
    """Exit codes: 0 for success, 1 for a refusal or negative result, 2 for misuse."""
    done = program.cli(*arguments)
    assert done.returncode == code, done.stdout + done.stderr


def test_identifier_is_read_from_stdin(program: Program) -> None:
    """``--id -`` reads the identifier from stdin."""
    done = program.cli("check", "--scene", "approval.licence", "--id", "-", "--json", stdin=PERSON + "\n")
    assert json.loads(done.stdout)["outcome"] == "lock"


def test_feed_push_reports_counts_and_lines(program: Program) -> None:
    """A CSV with a bad row: the good one is applied, the bad one named by line, code and reason."""
    file = program.data.parent / "push.csv"
    header = "operation,record_no,version,list,category,data_class,subject.kind,subject.name,subject.id"
    header += ",facts,basis,document_no,determined_on"
    rows = [
        f"list,CSV-{n},1,black,C07,public,organisation,淮安澄观测试有限公司,{who},事实,依据,文号{n},2026-08-12"
        for n, who in enumerate((credit_code(8_100_001), credit_code(8_100_002)[:-1] + "?"))
    ]
    file.write_text("\n".join([header, *rows]), encoding="gb18030")
    done = program.cli("feed", "push", str(file), "--authority", "court", "--json")
    assert done.returncode == 1, done.stderr
    result = json.loads(done.stdout)
    assert (result["accepted"], result["applied"]) == (1, 1)
    assert [(item["line"], item["code"]) for item in result["rejected"]] == [(3, "identifier_characters")]
