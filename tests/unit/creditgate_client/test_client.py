"""What a check of the client returns or raises for every kind of response, and for none."""

import socket
import time
import traceback
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest

from creditgate_client import (
    AnswerUnreadable,
    Check,
    CreditGate,
    GatewayUnavailable,
    OnFailure,
    Outcome,
    ProblemError,
    Subject,
    Watch,
)
from creditgate_client.connection import Connection
from tests.unit.creditgate_client.client_samples import (
    AWAY,
    DECISION,
    KEY,
    NUMBER,
    PROBLEM_HEADERS,
    REFUSED,
    SELLER,
    answering,
    ask,
    client_of,
)
from tests.unit.creditgate_client.fake_gateway import Answer, fake_gateway
from tests.unit.test_import_rule import ROOMS, ROOT, imports_of

# Requests and decisions


def test_unknown_members_of_a_decision_are_ignored() -> None:
    """Every known member is typed; unknown members are ignored and stay in ``raw``."""
    with fake_gateway(Answer(body=DECISION)) as gateway, client_of(gateway) as client:
        decision = ask(client)
    assert (decision.outcome, decision.blocked, decision.may_proceed) == (Outcome.INTERCEPT, True, False)
    assert decision.subjects[0].listings[0].authority_name == "市工商局"
    assert decision.measures[0].basis == "五（二）"
    assert decision.messages[0].en == "Refused."
    assert decision.locks[0].target == "shop-17"
    assert decision.remedy is not None
    assert decision.remedy.where[0].name == "市工商局"
    assert decision.indeterminate
    assert decision.unknown[0].authority == "court"
    assert decision.ticket is not None
    assert (decision.ticket.token, "tkt_whole" in repr(decision.ticket)) == ("tkt_whole", False)
    assert decision.feedback_due == "2026-11-30"
    assert decision.as_of is not None
    assert decision.as_of.sequence == 341
    assert decision.policy is not None
    assert decision.raw == DECISION
    assert (decision.from_policy_of_caller, decision.cause) == (False, None)


def test_only_what_was_given_is_sent() -> None:
    """The body has only the arguments given, so that an older gateway accepts it; the key is sent as Bearer."""
    with fake_gateway(Answer(body=DECISION)) as gateway, client_of(gateway) as client:
        ask(client)
        client.check(
            "funds.grant",
            "F-1",
            [Subject("applicant", name="淮安云岫建材有限公司")],
            on_failure=OnFailure.RAISE,
            operator="window-3",
            purpose="资金",
            account_id="a-1",
            amount=1.5,
            region="320803",
            max_staleness_ms=500,
            ticket=True,
        )
    least, most = gateway.asked
    assert (least.method, least.path) == ("POST", "/v1/checks")
    assert least.headers["authorization"] == f"Bearer {KEY}"
    assert least.body == {
        "scene": "ecommerce.onboarding",
        "transaction_id": "S-1",
        "subjects": [{"role": "seller", "id": "92320803MA1TE5T18U", "id_type": "uscc"}],
    }
    assert most.body["subjects"] == [{"role": "applicant", "name": "淮安云岫建材有限公司"}]
    assert most.body.keys() == {
        *("scene", "transaction_id", "subjects", "operator", "purpose"),
        *("account_id", "amount", "region", "max_staleness_ms", "ticket"),
    }


@pytest.mark.parametrize(
    ("outcome", "may_proceed", "blocked"),
    [
        ("fast_track", True, False),
        ("allow", True, False),
        ("warn", True, False),
        ("review", False, False),
        ("lock", False, True),
        ("intercept", False, True),
    ],
)
def test_a_review_neither_proceeds_nor_blocks(outcome: str, may_proceed: bool, blocked: bool) -> None:
    """``may_proceed`` and ``blocked`` are both false for a review, which a person decides."""
    client = answering(lambda request: httpx.Response(200, json=DECISION | {"outcome": outcome}))
    assert (ask(client).may_proceed, ask(client).blocked) == (may_proceed, blocked)


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, json=DECISION | {"outcome": "confiscate"}),
        httpx.Response(200, text="<html>Welcome"),
        httpx.Response(200, json=[]),
        httpx.Response(200, content=b'{"decision_id": "\xff"}'),
        httpx.Response(302, headers={"Location": "http://elsewhere.test"}),
    ],
)
def test_unreadable_answer_never_applies_the_failure_policy(answer: httpx.Response) -> None:
    """A wrong address or an unknown outcome must not become "allow"."""
    with pytest.raises(AnswerUnreadable):
        ask(answering(lambda request: answer), OnFailure.ALLOW)


# Failures


@pytest.mark.parametrize("on_failure", [OnFailure.REVIEW, OnFailure.ALLOW, OnFailure.INTERCEPT, OnFailure.LOCK])
def test_failure_policy_applies_without_the_gateway(on_failure: OnFailure) -> None:
    """The decision has the caller's outcome, is marked as such, names the cause and has no decision id."""
    with fake_gateway(Answer(503, AWAY, PROBLEM_HEADERS)) as gateway, client_of(gateway, retries=0) as client:
        decision = ask(client, on_failure)
    assert decision.outcome == on_failure.value
    assert decision.from_policy_of_caller
    assert decision.decision_id is None
    assert decision.cause == "register_unreachable"
    assert decision.indeterminate
    assert (decision.scene, decision.transaction_id) == ("ecommerce.onboarding", "S-1")


def test_failure_is_raised_when_configured() -> None:
    """RAISE raises with the gateway's code and status."""
    answer = Answer(503, AWAY, PROBLEM_HEADERS)
    with (
        fake_gateway(answer) as gateway,
        client_of(gateway) as client,
        pytest.raises(GatewayUnavailable) as caught,
    ):
        ask(client)
    assert (caught.value.status, caught.value.code) == (503, "register_unreachable")


def test_on_failure_is_validated_before_the_request() -> None:
    """``on_failure`` is required, and a wrong value raises on the first call and not in the first outage."""
    client = answering(lambda request: pytest.fail("asked"))
    with pytest.raises(ValueError, match="permit"):
        ask(client, "permit")  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        client.check("ecommerce.onboarding", "S-1", [SELLER])  # type: ignore[call-arg]


@pytest.mark.parametrize("on_failure", OnFailure)
def test_a_refusal_is_always_raised_and_asked_once(on_failure: OnFailure) -> None:
    """The caller must correct a 4xx: it is never retried, and the failure policy does not apply."""
    answer = Answer(422, REFUSED, PROBLEM_HEADERS)
    with fake_gateway(answer) as gateway, client_of(gateway) as client, pytest.raises(ProblemError) as caught:
        ask(client, on_failure)
    problem = caught.value
    assert (problem.status, problem.code, problem.path) == (422, "identifier_invalid", "$.subjects[0].id")
    assert (problem.title_zh, problem.detail) == ("证件号码无效", REFUSED["detail"])
    assert len(gateway.asked) == 1


def test_refusal_by_a_proxy_has_a_code() -> None:
    """A proxy's response is no problem document; its status becomes the code, for 4xx and 5xx."""
    with pytest.raises(ProblemError, match="http_404"):
        ask(answering(lambda request: httpx.Response(404, text="<html>")))
    with pytest.raises(GatewayUnavailable, match="http_502"):
        ask(answering(lambda request: httpx.Response(502, text="<html>")))


def test_unreachable_gateway_is_unavailable() -> None:
    """A refused connection is a failure with the cause ``connection_failed``."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with CreditGate(f"http://127.0.0.1:{port}", KEY, transport=httpx.HTTPTransport()) as client:
        decision = ask(client, OnFailure.REVIEW)
    assert decision.cause == "connection_failed"


# Retries and time


def test_5xx_is_retried_until_answered() -> None:
    """After two failures the caller gets the decision; all attempts send the same request."""
    answers = [Answer(503, AWAY), Answer(500, b"?"), Answer(body=DECISION)]
    with fake_gateway(*answers) as gateway, client_of(gateway) as client:
        assert ask(client).decision_id == DECISION["decision_id"]
    assert len(gateway.asked) == 3
    assert gateway.asked[0].body == gateway.asked[2].body


def test_retries_are_limited() -> None:
    """The client makes no more than the allowed number of retries."""
    with fake_gateway(Answer(500, b"?")) as gateway, client_of(gateway, retries=2) as client:
        assert ask(client, OnFailure.LOCK).cause == "http_500"
    assert len(gateway.asked) == 3


def test_retry_after_is_waited_for() -> None:
    """The second attempt is not earlier than Retry-After allows."""
    answers = [Answer(503, AWAY, {"Retry-After": "1"}), Answer(body=DECISION)]
    with fake_gateway(*answers) as gateway, client_of(gateway) as client:
        began = time.monotonic()
        ask(client)
    assert time.monotonic() - began >= 1


@pytest.mark.parametrize(
    "value", ["30", format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)], ids=["seconds", "date"]
)
def test_retry_after_beyond_the_timeout_fails_at_once(value: str) -> None:
    """The call fails immediately if the timeout would pass before the next attempt."""
    with fake_gateway(Answer(503, AWAY, {"Retry-After": value})) as gateway, client_of(gateway) as client:
        began = time.monotonic()
        assert ask(client, OnFailure.REVIEW).cause == "register_unreachable"
    assert time.monotonic() - began < 3
    assert len(gateway.asked) == 1


@pytest.mark.parametrize("value", ["", "soon", "-1", "٣", "Wed, 21 Oct 2015 07:28:00 GMT", "Wed, 21 Oct 2015 07:28:00"])
def test_invalid_retry_after_is_no_wait(value: str) -> None:
    """An unreadable or past Retry-After does not prevent the retry."""
    headers = {b"Retry-After": value.encode()}
    answers = [httpx.Response(503, headers=headers), httpx.Response(200, json=DECISION)]
    assert ask(answering(lambda request: answers.pop(0))).outcome == Outcome.INTERCEPT


def test_a_timeout_is_not_asked_again() -> None:
    """A timeout is not retried: the time of the call is used up."""
    with fake_gateway(Answer(body=DECISION, delay=1)) as gateway, client_of(gateway, timeout=0.2) as client:
        began = time.monotonic()
        decision = ask(client, OnFailure.REVIEW)
        assert time.monotonic() - began < 0.8
    assert (decision.outcome, decision.cause) == (Outcome.REVIEW, "timeout")
    assert len(gateway.asked) == 1


def test_the_time_is_for_the_whole_call() -> None:
    """A 5xx, late headers and a late body, each within the timeout, together exceed it and raise a timeout."""
    late = [Answer(503, AWAY, delay=0.3), Answer(body=DECISION, delay=0.4, body_delay=0.6)]
    with fake_gateway(*late) as gateway, client_of(gateway, timeout=1) as client:
        began = time.monotonic()
        assert ask(client, OnFailure.REVIEW).cause == "timeout"
        assert time.monotonic() - began < 1.3


# Secrets and personal data


def test_numbers_and_names_are_not_shown() -> None:
    """A repr may be logged: it has no birth date, no complete identifier and no name."""
    subject = Subject("applicant", id=NUMBER, name="张三丰")
    check = Check(scene="approval.licence", transaction_id="L-1", subjects=[subject, SELLER])
    assert repr(subject) == "Subject(role='applicant', id='320***********006X', name='张*')"
    for shown in (repr(check), str(check), repr(Watch("r-1", NUMBER)), f"{[subject]}"):
        assert NUMBER not in shown
        assert "1988" not in shown
        assert "三" not in shown
        assert "92320803MA1TE5T18U" not in shown
    assert repr(Subject("applicant", id="320829880315006")).count("*") == 10
    assert "12345678" not in repr(Subject("applicant", id="12345678-9"))
    assert repr(Subject("agent")) == "Subject(role='agent', id=None, name=None)"


def test_the_key_is_not_shown() -> None:
    """Neither the client's repr nor any exception, with its chain of causes, contains the API key."""
    client = CreditGate("http://127.0.0.1:1", KEY, transport=httpx.HTTPTransport())
    assert KEY not in repr(client) + repr(Connection("http://127.0.0.1:1", KEY, 2.0, 0))
    with pytest.raises(GatewayUnavailable) as caught:
        ask(client)
    client.close()
    chain = traceback.format_exception(caught.value)
    assert KEY not in "".join(chain) + repr(caught.value.__cause__)


@pytest.mark.parametrize("key", ["", "with space", "line\nbreak", "密钥", "key\x7f"])
def test_invalid_key_is_refused_without_showing_it(key: str) -> None:
    """An invalid key raises here; the HTTP library would quote it in its exception."""
    with pytest.raises(ValueError, match="printable ASCII") as caught:
        CreditGate("http://gateway.test", key)
    assert not key or key not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["gateway.test", "ftp://gateway.test", "http://user:pass@gateway.test", "http://", "http://g/?a=b"]
)
def test_invalid_base_url_is_refused(url: str) -> None:
    """An invalid base URL raises at construction and is not reported as an unavailable gateway."""
    with pytest.raises(ValueError, match="base_url"):
        CreditGate(url, KEY)


def test_timeout_and_retries_are_validated() -> None:
    """Values without a meaning are refused."""
    with pytest.raises(ValueError, match="timeout"):
        CreditGate("http://gateway.test", KEY, timeout=0)
    with pytest.raises(ValueError, match="retries"):
        CreditGate("http://gateway.test", KEY, retries=-1)


def test_the_client_imports_nothing_of_the_gateway() -> None:
    """The client package works without the rest of the project."""
    modules = list((ROOT / "creditgate_client").rglob("*.py"))
    assert modules
    for path in modules:
        assert not imports_of(path) & ROOMS, path.name
