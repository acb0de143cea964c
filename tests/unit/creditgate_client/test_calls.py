"""Calls of the client other than the single check: batches, locks, tickets and watches; and the async client."""

import inspect
import json
from typing import Any

import httpx
import pytest

from creditgate_client import (
    AnswerUnreadable,
    AsyncCreditGate,
    Check,
    CreditGate,
    Decision,
    GatewayUnavailable,
    OnFailure,
    Outcome,
    ProblemError,
    Watch,
)
from tests.unit.creditgate_client.client_samples import AWAY, DECISION, KEY, NUMBER, REFUSED, SELLER, answering
from tests.unit.creditgate_client.fake_gateway import Answer, fake_gateway

# Batches


def checks_of(count: int) -> list[Check]:
    return [Check(scene="funds.grant", transaction_id=f"F-{index}", subjects=[SELLER]) for index in range(count)]


def batch_answer(request: httpx.Request) -> httpx.Response:
    """Intercepts all checks, in mixed order; refuses F-1; fails for F-2."""
    results: list[dict[str, Any]] = []
    for index, check in enumerate(json.loads(request.content)["checks"]):
        match check["transaction_id"]:
            case "F-1":
                results.append({"index": index, "status": 422, "problem": REFUSED})
            case "F-2":
                results.append({"index": index, "status": 503, "problem": AWAY})
            case number:
                results.append({"index": index, "status": 200, "decision": DECISION | {"transaction_id": number}})
    return httpx.Response(200, json={"results": results[::-1]})


def test_a_batch_keeps_order_and_each_answer_its_own() -> None:
    """A refused check returns its problem, a failed one the ``on_failure`` outcome; the others are unaffected."""
    sizes: list[int] = []

    def answer(request: httpx.Request) -> httpx.Response:
        assert request.url.path == "/gate/v1/checks/batch"
        sizes.append(len(json.loads(request.content)["checks"]))
        return batch_answer(request)

    answers = answering(answer).check_many(checks_of(2001), on_failure=OnFailure.REVIEW)
    assert sizes == [1000, 1000, 1]
    refused, failed = answers[1], answers[2]
    assert isinstance(refused, ProblemError)
    assert refused.code == "identifier_invalid"
    assert isinstance(failed, Decision)
    assert (failed.outcome, failed.cause, failed.transaction_id) == (Outcome.REVIEW, "register_unreachable", "F-2")
    rest = [(index, answer) for index, answer in enumerate(answers) if index not in {1, 2}]
    assert all(isinstance(a, Decision) and a.transaction_id == f"F-{i}" and a.raw for i, a in rest)


def test_failed_item_is_raised_when_configured() -> None:
    """RAISE applies to one check of a batch as to a single check."""
    with pytest.raises(GatewayUnavailable):
        answering(batch_answer).check_many(checks_of(3), on_failure=OnFailure.RAISE)


def test_failed_batch_applies_the_failure_policy() -> None:
    """After a failed call the next thousand checks are still sent; a refused call raises."""
    answers = [httpx.Response(500), httpx.Response(500), httpx.Response(500)]

    def answer(request: httpx.Request) -> httpx.Response:
        return answers.pop() if answers else batch_answer(request)

    found = answering(answer).check_many(checks_of(1001), on_failure=OnFailure.LOCK)
    assert all(isinstance(a, Decision) and a.from_policy_of_caller for a in found[:1000])
    assert isinstance(found[1000], Decision)
    assert not found[1000].from_policy_of_caller
    with pytest.raises(ProblemError):
        answering(lambda request: httpx.Response(403)).check_many(checks_of(1), on_failure=OnFailure.LOCK)
    assert answering(lambda request: httpx.Response(500)).check_many([], on_failure=OnFailure.RAISE) == []


@pytest.mark.parametrize("indexes", [[0], [0, 0], [0, 1, 2], [1, 2]])
def test_mismatched_batch_results_are_refused(indexes: list[int]) -> None:
    """A transaction never gets the result of another transaction."""
    results = [{"index": index, "status": 200, "decision": DECISION} for index in indexes]
    client = answering(lambda request: httpx.Response(200, json={"results": results}))
    with pytest.raises(AnswerUnreadable):
        client.check_many(checks_of(2), on_failure=OnFailure.ALLOW)


# Decisions, feedback, locks, tickets, watches

LOCK: dict[str, Any] = DECISION["locks"][0] | {
    "client": "demo",
    "listings": 1,
    "history": [{"state": "held", "at": "2026-11-23T12:00:00.000+08:00", "operator": "window-3", "reason": None}],
}


def recording(*answers: httpx.Response) -> tuple[CreditGate, list[httpx.Request]]:
    left, asked = list(answers), list[httpx.Request]()

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return left.pop(0)

    return answering(answer), asked


def sent(request: httpx.Request) -> tuple[str, str, Any]:
    return request.method, request.url.raw_path.decode(), json.loads(request.content or b"null")


def test_decision_is_read_and_given_feedback() -> None:
    """Both calls have the right path and body; an id cannot change the path."""
    client, asked = recording(
        httpx.Response(200, json={"decision": DECISION}), httpx.Response(201, json={"feedback_id": "fb_1"})
    )
    assert client.decision("dec_1/../../locks?").decision_id == DECISION["decision_id"]
    assert client.feedback("dec_1", carried_out=False, reason="已修复", operator="w-1") == {"feedback_id": "fb_1"}
    assert sent(asked[0])[:2] == ("GET", "/gate/v1/decisions/dec_1%2F..%2F..%2Flocks%3F")
    body = {"carried_out": False, "measures": [], "reason": "已修复", "operator": "w-1"}
    assert sent(asked[1]) == ("POST", "/gate/v1/decisions/dec_1/feedback", body)


def test_locks_are_read_page_after_page() -> None:
    """The cursor is sent until it is null, with the same filters; a page is requested only when it is needed."""
    pages = [{"locks": [LOCK, LOCK], "next": "c 2"}, {"locks": [], "next": "c3"}, {"locks": [LOCK], "next": None}]
    client, asked = recording(*(httpx.Response(200, json=page) for page in pages))
    locks = client.locks(state="held", overdue=True)
    assert not asked
    assert next(locks).target == "shop-17"
    assert len(asked) == 1
    assert len(list(locks)) == 2
    assert asked[0].url.params == httpx.QueryParams(state="held", overdue="true", limit="100")
    assert [request.url.params.get("cursor") for request in asked] == [None, "c 2", "c3"]


def test_a_lock_is_shown_released_and_confirmed() -> None:
    """The calls have the right paths and bodies; the history is typed."""
    client, asked = recording(*(httpx.Response(200, json=LOCK) for _ in range(3)))
    assert client.lock("lock_1").history[0].operator == "window-3"
    client.release_lock("lock_1", reason="异议成立", document_no="淮信〔2026〕3号", operator="s-1")
    client.confirm_lock("lock_1", reason="核实无误")
    assert [sent(request) for request in asked] == [
        ("GET", "/gate/v1/locks/lock_1", None),
        (
            "POST",
            "/gate/v1/locks/lock_1/release",
            {"reason": "异议成立", "document_no": "淮信〔2026〕3号", "operator": "s-1"},
        ),
        ("POST", "/gate/v1/locks/lock_1/confirm", {"reason": "核实无误"}),
    ]


def test_a_ticket_is_never_guessed() -> None:
    """The result is valid or not, with the reason; if the gateway cannot verify the ticket, the call raises."""
    verdict = {"holds": False, "reason": "other_transaction", "decision_id": "dec_1", "expires_at": None}
    client, asked = recording(httpx.Response(200, json=verdict), *(httpx.Response(503) for _ in range(3)))
    answer = client.verify_ticket("tkt_1", scene="funds.grant", transaction_id="F-1")
    assert (answer.holds, answer.reason, answer.decision_id) == (False, "other_transaction", "dec_1")
    body = {"ticket": "tkt_1", "scene": "funds.grant", "transaction_id": "F-1"}
    assert sent(asked[0]) == ("POST", "/gate/v1/tickets/verify", body)
    with pytest.raises(GatewayUnavailable):
        client.verify_ticket("tkt_1", scene="funds.grant", transaction_id="F-1")


def test_watches_are_set_by_the_thousand() -> None:
    """Watches and removals share a call up to its limit of a thousand."""
    client, asked = recording(*(httpx.Response(200, json={"watches": n}) for n in range(3)))
    client.set_watches([Watch("r-1", NUMBER)], remove=["r-0"], operator="w-1")
    assert sent(asked[0]) == (
        "PUT",
        "/gate/v1/watches",
        {"watches": [{"reference": "r-1", "id": NUMBER}], "remove": ["r-0"], "operator": "w-1"},
    )
    many = [Watch(f"r-{index}", NUMBER) for index in range(1001)]
    assert client.set_watches(many, remove=["x"]) == [{"watches": 1}, {"watches": 2}]
    assert [(len(sent(r)[2]["watches"]), sent(r)[2]["remove"]) for r in asked[1:]] == [(1000, ["x"]), (1, [])]


# The async client


def test_both_clients_have_the_same_methods() -> None:
    """Both clients have the same methods and parameters, except for closing."""

    def offers(kind: type) -> dict[str, list[inspect.Parameter]]:
        functions = inspect.getmembers(kind, inspect.isfunction)
        return {
            name: list(inspect.signature(function).parameters.values())
            for name, function in functions
            if not name.startswith("_") and name not in {"close", "aclose"}
        }

    assert offers(CreditGate) == offers(AsyncCreditGate)
    assert len(offers(CreditGate)) == 11


async def test_async_client_behaves_as_the_sync_client() -> None:
    """Retry, refusal, timeout, batch and paging, over real sockets."""
    page = {"locks": [LOCK], "next": "c2"}
    answers = [
        *(Answer(503, AWAY), Answer(body=DECISION)),
        Answer(422, REFUSED),
        *(Answer(body=page), Answer(body=page | {"next": None})),
        Answer(body={"results": [{"index": 0, "status": 200, "decision": DECISION}]}),
        Answer(body=DECISION, delay=0.5, body_delay=0.8),
    ]
    with fake_gateway(*answers) as gateway:
        transport = httpx.AsyncHTTPTransport()
        async with AsyncCreditGate(gateway.url, KEY, timeout=1, transport=transport) as client:
            assert KEY not in repr(client)
            decision = await client.check("funds.grant", "F-1", [SELLER], on_failure=OnFailure.RAISE)
            assert decision.outcome == Outcome.INTERCEPT
            with pytest.raises(ProblemError):
                await client.check("funds.grant", "F-1", [SELLER], on_failure=OnFailure.ALLOW)
            assert len([lock async for lock in client.locks()]) == 2
            assert len(await client.check_many(checks_of(1), on_failure=OnFailure.RAISE)) == 1
            late = await client.check("funds.grant", "F-1", [SELLER], on_failure=OnFailure.REVIEW)
            assert late.cause == "timeout"
    assert len(gateway.asked) == 7
