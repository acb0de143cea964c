"""The platform's side of the started program: parties, batches, locks, tickets, feedback and events."""

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from creditgate_client import CreditGate, OnFailure, Outcome, Subject, verify_webhook
from tests.e2e.program import Answer, Program, court_record, credit_code, eventually, free_port, http
from tests.e2e.test_contract import BIDDER, PERSON, body, client, problem

SELLER = "92320803MA1TE5T18U"


def feed(program: Program, key: str, *records: dict[str, Any]) -> None:
    """Feed records of the court that each change the register, and wait until they are applied."""
    before = sequence(program)
    answer = http("POST", f"{program.url}/v1/feeds/court/records", list(records), key=key)
    assert answer.status == 202, answer.body
    url = f"{program.url}/v1/feeds/receipts/{answer.json['receipt']}"
    assert eventually(lambda: http("GET", url, key=key).json["counts"]["queued"] == 0)
    assert eventually(lambda: sequence(program) >= before + len(records))


def sequence(program: Program) -> int:
    """The change sequence of the register that an answer rests on."""
    answer = program.check("bidding.qualification", credit_code(8_299_999), "bidder")
    return int(answer.json["as_of"]["sequence"])


def removal_of(number: str) -> dict[str, Any]:
    return {
        "operation": "remove",
        "record_no": number,
        "version": 2,
        "document_no": "（2026）苏0811执撤9号",
        "determined_on": "2026-11-01",
    }


def post(program: Program, path: str, value: object, key: str | None = None) -> Answer:
    return http("POST", f"{program.url}{path}", value, key=key or program.key)


@pytest.fixture(scope="module")
def court(program: Program) -> str:
    """A key that feeds for the court."""
    return client(program, "platform-feeder", "--feed", "court")


# ---------------------------------------------------------------- many parties, many checks


def test_a_consortium_and_its_agent(program: Program) -> None:
    """One listed member intercepts the bid, a listed agent causes a review; each party has its own outcome."""
    clean = {"role": "bidder", "id": credit_code(8_200_001)}
    for role, outcome in (("consortium_member", "intercept"), ("agent", "review")):
        subjects = [clean, {"role": role, "id": BIDDER}]
        answer = post(program, "/v1/checks", body(subjects=subjects, transaction_id=f"C-{role}")).json
        assert (answer["outcome"], [s["outcome"] for s in answer["subjects"]]) == (outcome, ["allow", "intercept"])
        assert answer["subjects"][1]["counts_as"] == outcome


def test_name_mismatch_is_reviewed(program: Program) -> None:
    """A number and a name of two different companies cause a review with a note, and no lock."""
    subjects = [{"role": "bidder", "id": BIDDER, "name": "淮安另一家有限公司"}]
    answer = post(program, "/v1/checks", body(subjects=subjects, account_id="mismatch-1")).json
    assert (answer["outcome"], answer["subjects"][0]["notes"], answer["locks"]) == ("review", ["name_mismatch"], [])


def test_a_batch_answers_each_by_itself(program: Program) -> None:
    """At most a thousand checks; an invalid one has its problem in its place and affects no other."""
    sound = body(subjects=[{"role": "bidder", "id": credit_code(8_200_002)}])
    checks = [sound, body(), body(scene="nowhere"), 7, body(subjects=[{"role": "bidder", "id": "1"}]), sound]
    answer = post(program, "/v1/checks/batch", {"checks": checks}).json
    found = [r["decision"]["outcome"] if "decision" in r else r["problem"]["code"] for r in answer["results"]]
    assert found == ["allow", "intercept", "scene_unknown", "request_invalid", "identifier_invalid", "allow"]
    assert [r["index"] for r in answer["results"]] == list(range(6))
    assert answer["counts"] == {"checks": 6, "decided": 3, "problems": 3}
    problem(post(program, "/v1/checks/batch", {"checks": [sound] * 1001}), 422, "request_invalid")
    problem(post(program, "/v1/checks/batch", {"checks": []}), 422, "request_invalid")
    thousand = post(program, "/v1/checks/batch", {"checks": [sound] * 1000}).json
    assert thousand["counts"]["decided"] == 1000


def test_lines_are_answered_as_they_come(program: Program) -> None:
    """NDJSON in and out, beyond the limit of a body: three thousand checks, one of them invalid."""
    line = json.dumps(body(subjects=[{"role": "bidder", "id": credit_code(8_200_003)}], purpose="核" * 100))
    lines = [line] * 3000
    lines[1500] = "{broken"
    headers = {"Content-Type": "application/x-ndjson"}
    data = "\n".join(lines).encode()
    assert len(data) > 1024 * 1024
    answer = http("POST", f"{program.url}/v1/checks/batch", data, key=program.key, headers=headers)
    found = [json.loads(part) for part in answer.body.splitlines()]
    assert [item["index"] for item in found] == list(range(3000))
    assert [item["problem"]["code"] for item in found if item["status"] != 200] == ["json_invalid"]
    long = b'{"scene": "' + b"x" * 100_000 + b'"}'
    refused = http("POST", f"{program.url}/v1/checks/batch", long, key=program.key, headers=headers)
    assert json.loads(refused.body)["problem"]["code"] == "body_too_large"


def test_csv_file_is_checked_on_the_command_line(program: Program) -> None:
    """A CSV list: the table shows intercepted subjects, the result file every line, the exit code the result."""
    path = program.data.parent / "bidders.csv"
    rows = ["名称,统一社会信用代码", f"淮安澄观测试有限公司,{credit_code(8_200_004)}", f",{BIDDER}", ",9132"]
    path.write_text("\n".join(rows), encoding="gb18030")
    done = program.cli("check", "--scene", "bidding.qualification", "--role", "bidder", "--file", str(path))
    assert done.returncode == 1, done.stderr
    assert "allow 1" in done.stdout
    result = (program.data.parent / "bidders.result.csv").read_text(encoding="utf-8-sig")
    assert [line.split(",")[4] for line in result.splitlines()[1:]] == ["allow", "intercept", "problem"]


# ---------------------------------------------------------------- tickets


def test_ticket_is_valid_until_a_listing_arrives(program: Program, court: str) -> None:
    """The ticket of an allow is refused once its subject is listed."""
    who = credit_code(8_200_005)
    payload = body(subjects=[{"role": "bidder", "id": who}], transaction_id="TICKET-1", ticket=True)
    ticket = post(program, "/v1/checks", payload).json["ticket"]["token"]
    shown = {"ticket": ticket, "scene": "bidding.qualification", "transaction_id": "TICKET-1"}
    assert post(program, "/v1/tickets/verify", shown).json["holds"] is True
    problem(post(program, "/v1/tickets/verify", shown | {"transaction_id": "OTHER"}), 422, "ticket_invalid")
    problem(post(program, "/v1/tickets/verify", shown | {"scene": "funds.grant"}), 422, "ticket_invalid")
    stranger = client(program, "ticket-thief", "--scene", "*")
    problem(post(program, "/v1/tickets/verify", shown, stranger), 422, "ticket_invalid")
    feed(program, court, court_record("TICKET", who))
    void = post(program, "/v1/tickets/verify", shown).json
    assert (void["holds"], void["reason"]) == (False, "listing_arrived")


def test_intercepted_check_gets_no_ticket(program: Program) -> None:
    """Only an allow or warn has a ticket, and only on request."""
    assert post(program, "/v1/checks", body(ticket=True)).json["ticket"] is None
    clean = body(subjects=[{"role": "bidder", "id": credit_code(8_200_006)}])
    assert post(program, "/v1/checks", clean).json["ticket"] is None
    assert post(program, "/v1/checks", clean | {"ticket": True}).json["ticket"]["token"]


# ---------------------------------------------------------------- decisions and feedback


def test_a_decision_is_given_back_and_answered(program: Program) -> None:
    """Only its client reads a decision; feedback is given once or corrected; a refusal needs reason and approval."""
    key = client(program, "feedback-shop", "--scene", "*")
    answer = post(program, "/v1/checks", body(transaction_id="FB-1"), key).json
    url = f"/v1/decisions/{answer['decision_id']}"
    given = http("GET", program.url + url, key=key).json
    assert given["decision"] == answer
    assert (given["operator"], given["purpose"], given["feedback_overdue"]) == ("o", "p", False)
    problem(http("GET", program.url + url, key=program.key), 404, "decision_unknown")
    report = {"carried_out": False, "operator": "clerk-7"}
    problem(post(program, f"{url}/feedback", report, key), 422, "feedback_incomplete")
    problem(post(program, f"{url}/feedback", report | {"reason": "已履行"}, key), 422, "feedback_incomplete")
    wrong = {"carried_out": True, "measures": ["P10"], "operator": "o"}
    problem(post(program, f"{url}/feedback", wrong, key), 422, "measure_not_asked")
    done = post(program, f"{url}/feedback", report | {"reason": "已履行", "approved_by": "主任-1"}, key)
    assert done.status == 201
    again = {"carried_out": True, "measures": ["P05"], "operator": "clerk-7"}
    problem(post(program, f"{url}/feedback", again, key), 409, "feedback_given")
    assert post(program, f"{url}/feedback", again | {"corrects": done.json["id"]}, key).status == 201
    kept = http("GET", program.url + url, key=key).json["feedback"]
    assert [item["carried_out"] for item in kept] == [False, True]
    listed = http("GET", f"{program.url}/v1/decisions?feedback=overdue", key=key).json
    assert listed == {"decisions": [], "next": None}


# ---------------------------------------------------------------- locks


def test_locks_are_listed_in_pages_and_confirmed(program: Program) -> None:
    """A platform sees its own locks in pages; a confirmed lock ends for good."""
    key = client(program, "lock-shop", "--scene", "*")
    for number in range(5):
        post(program, "/v1/checks", body(transaction_id=f"L-{number}", account_id=f"acc-{number}"), key)
    found, cursor = list[dict[str, Any]](), ""
    while True:
        page = http("GET", f"{program.url}/v1/locks?state=held&limit=2{cursor}", key=key).json
        found += page["locks"]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert sorted(lock["target"] for lock in found) == [f"acc-{n}" for n in range(5)]
    url = f"/v1/locks/{found[0]['id']}/confirm"
    done = post(program, url, {"reason": "已取消投标资格", "operator": "o"}, key).json
    assert (done["state"], [change["state"] for change in done["history"]]) == ("confirmed", ["held", "confirmed"])
    problem(post(program, url, {"reason": "再次", "operator": "o"}, key), 409, "lock_not_held")
    assert len(http("GET", f"{program.url}/v1/locks?state=held", key=key).json["locks"]) == 4
    for query in ("state=gone", "limit=0", "limit=x", "cursor=%21", "cursor=W10", "overdue=maybe"):
        problem(http("GET", f"{program.url}/v1/locks?{query}", key=key), 422, "request_invalid")


# ---------------------------------------------------------------- events and webhooks


class Platform(ThreadingHTTPServer):
    """A platform's webhook endpoint that stores its calls."""

    def __init__(self) -> None:
        self.calls: list[tuple[dict[str, str], bytes]] = []
        super().__init__(("127.0.0.1", free_port()), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}/told"
        threading.Thread(target=self.serve_forever, daemon=True).start()


class _Handler(BaseHTTPRequestHandler):
    server: Platform

    def do_POST(self) -> None:
        data = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.calls.append((dict(self.headers), data))
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def platform() -> Iterator[Platform]:
    server = Platform()
    yield server
    server.shutdown()
    server.server_close()


def test_an_unlisting_reaches_the_platform(program: Program, court: str, platform: Platform) -> None:
    """Webhook and stream have each event, signed and in order, and the end of the listing lifts the lock."""
    who, key = credit_code(8_200_010), client(program, "watching-shop", "--scene", "*", "--operator", "o")
    secret = http("PUT", f"{program.url}/v1/webhook", {"url": platform.url}, key=key).json["secret"]
    payload = {"watches": [{"reference": "店铺-17", "id": who}, {"reference": "bad", "id": "1"}], "purpose": "在架商家"}
    put = http("PUT", f"{program.url}/v1/watches", payload, key=key).json
    assert (put["set"], put["total"], put["refused"][0]["index"]) == (1, 1, 1)
    feed(program, court, court_record("WATCH", who))
    sent = body(subjects=[{"role": "bidder", "id": who}], account_id="店铺-17", transaction_id="W-1")
    (lock,) = post(program, "/v1/checks", sent, key).json["locks"]
    feed(program, court, removal_of("WATCH"))
    expected = {"listing.listed", "lock.lifted", "listing.removed"}
    with CreditGate(program.url, key, timeout=5) as api:
        streamed = []
        for event in api.events(last_event_id="0"):
            streamed.append(event)
            if len(streamed) == 3:
                break
    assert {event.type for event in streamed} == expected
    assert [event.id for event in streamed] == sorted((event.id for event in streamed), key=int)
    assert eventually(lambda: len(platform.calls) == 3)
    data_by_type = {}
    for headers, data in platform.calls:
        event = verify_webhook(secret, headers, data, now=time.time())
        data_by_type[event.type] = event.data
    assert data_by_type.keys() == expected
    assert data_by_type["listing.removed"]["reference"] == "店铺-17"
    assert data_by_type["lock.lifted"]["lock"] == lock["id"]
    assert who not in "".join(data.decode() for _, data in platform.calls)
    assert http("GET", f"{program.url}/v1/locks/{lock['id']}", key=key).json["state"] == "lifted"
    assert post(program, "/v1/checks", sent | {"transaction_id": "W-2"}, key).json["outcome"] == "allow"
    delivered = http("GET", f"{program.url}/v1/webhook/deliveries", key=key).json["deliveries"]
    assert {item["state"] for item in delivered} == {"delivered"}
    again = post(program, f"/v1/webhook/deliveries/{delivered[0]['event']}/replay", b"", key)
    assert again.status == 202
    assert eventually(lambda: len(platform.calls) == 4)
    assert platform.calls[3][0]["webhook-id"] == platform.calls[0][0]["webhook-id"]


def test_event_stream_resumes_without_loss_or_repeats(program: Program, court: str) -> None:
    """After the last seen ID come exactly the later events, and none of another client's."""
    key = client(program, "resuming-shop", "--operator", "o", "--purpose", "p")
    who = [credit_code(8_200_020 + n) for n in range(4)]
    watches = [{"reference": f"r-{n}", "id": number} for n, number in enumerate(who)]
    http("PUT", f"{program.url}/v1/watches", {"watches": watches}, key=key)
    feed(program, court, *(court_record(f"RES-{n}", number) for n, number in enumerate(who)))

    def stream(last: str, count: int) -> list[tuple[str, str]]:
        found = []
        with CreditGate(program.url, key, timeout=5) as api:
            for event in api.events(last_event_id=last):
                found.append((event.id, event.data["reference"]))
                if len(found) == count:
                    return found
        return found

    everything = stream("0", 4)
    assert sorted(reference for _, reference in everything) == ["r-0", "r-1", "r-2", "r-3"]
    assert stream(everything[1][0], 2) == everything[2:]
    bad = http("GET", f"{program.url}/v1/events", key=key, headers={"Last-Event-ID": "x"})
    problem(bad, 422, "request_invalid")


# ---------------------------------------------------------------- proxies, client, command line


def authz(program: Program, subject: str | None, *, method: str = "GET", path: str = "", **headers: str) -> Answer:
    sent = {"X-CreditGate-Scene": "ecommerce.onboarding", "X-CreditGate-Role": "seller"}
    sent |= {"X-CreditGate-Operator": "proxy", "X-CreditGate-Purpose": "onboarding"}
    sent |= {"X-CreditGate-Subject": subject} if subject else {}
    sent |= {f"X-CreditGate-{name}": value for name, value in headers.items()}
    return http(method, f"{program.url}/v1/authz{path}", key=program.key, headers=sent)


def test_authz_speaks_as_proxies_expect(program: Program) -> None:
    """200, 403 or 5xx, with the decision's ID in a header; a configuration error is never a denial."""
    clean = authz(program, credit_code(8_200_030))
    assert (clean.status, clean.headers["X-CreditGate-Outcome"]) == (200, "allow")
    assert clean.headers["X-CreditGate-Decision"].startswith("dec_")
    listed = authz(program, SELLER, method="POST", path="/shop/onboarding?step=2")
    assert (listed.status, listed.headers["X-CreditGate-Outcome"]) == (403, "intercept")
    assert listed.json["messages"]
    for subject in (None, SELLER[:-1] + "A"):
        refused = authz(program, subject)
        assert (refused.status, "X-CreditGate-Decision" in refused.headers) == (403, False)
    assert authz(program, SELLER, Scene="nowhere").status == 500
    assert http("GET", f"{program.url}/v1/authz").status == 500
    named = authz(program, SELLER, Name="%E6%B7%AE%E5%AE%89")
    assert (named.status, named.headers["X-CreditGate-Outcome"]) == (403, "review")


def test_the_python_client_against_the_program(program: Program) -> None:
    """Typed answers, problems as exceptions, and an explicit choice for failures."""
    with CreditGate(program.url, program.key, timeout=10) as api:
        bidder = [Subject("bidder", id=BIDDER)]
        found = api.check(
            "bidding.qualification", "PC-1", bidder, operator="o", purpose="p", on_failure=OnFailure.RAISE
        )
        assert (found.outcome, found.blocked, found.measures[0].code) == (Outcome.INTERCEPT, True, "P05")
        assert api.decision(found.decision_id or "").outcome is Outcome.INTERCEPT
    with CreditGate(f"http://127.0.0.1:{free_port()}", "k", timeout=1) as away:
        found = away.check("bidding.qualification", "PC-2", [Subject("bidder", id=BIDDER)], on_failure=OnFailure.REVIEW)
        assert (found.outcome, found.from_policy_of_caller, found.decision_id) == (Outcome.REVIEW, True, None)


def test_lock_without_account_locks_the_transaction(program: Program) -> None:
    """Without an account the lock is on the transaction, and a later check of it finds the lock."""
    first = program.check("approval.licence", PERSON, transaction_id="P-LOCK").json
    again = program.check("approval.licence", credit_code(8_200_040), transaction_id="P-LOCK").json
    assert first["outcome"] == again["outcome"] == "lock"
    assert again["locks"] == first["locks"]
