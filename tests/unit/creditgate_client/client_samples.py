"""Requests of the client tests, and the responses to them."""

from collections.abc import Callable
from typing import Any

import httpx

from creditgate_client import CreditGate, Decision, OnFailure, Subject
from tests.unit.creditgate_client.fake_gateway import FakeGateway

KEY = "cgk_secret-of-this-test"
NUMBER = "32082919880315006X"
SELLER = Subject("seller", id="92320803MA1TE5T18U", id_type="uscc")

DECISION: dict[str, Any] = {
    "decision_id": "dec_4f0c2a6be1d94c5f8a37d20b9e61c853",
    "outcome": "intercept",
    "scene": "ecommerce.onboarding",
    "transaction_id": "S-1",
    "subjects": [
        {
            "role": "seller",
            "masked_id": "92320803MA1TE5T18U",
            "outcome": "intercept",
            "notes": [],
            "listings": [
                {
                    "id": "f81a4a33400028f07ae887b31aeb2a26",
                    "list": "black",
                    "category": "C02",
                    "severity": "serious",
                    "determination": "list_decision",
                    "authority": "market",
                    "authority_name": "市工商局",
                    "document_no": "淮市监罚〔2026〕12号",
                    "determined_on": "2026-08-12",
                    "valid_until": "2029-08-12",
                    "basis": "第六条",
                    "objection_open": False,
                    "flags": ["end_by_law"],
                    "answers_for": None,
                    "seen_first_by_a_later_gateway": 1,
                }
            ],
        }
    ],
    "measures": [{"code": "EC1", "text": "限制入驻会员", "text_en": "Onboarding refused", "basis": "五（二）"}],
    "messages": [{"rule": "seller-refused", "zh": "限制入驻。", "en": "Refused."}],
    "rules": ["seller-refused"],
    "locks": [
        {
            "id": "lock_9b1e6d04c7a84f32b5d8106e3fa27c91",
            "state": "held",
            "scope": "account",
            "target": "shop-17",
            "scene": "ecommerce.onboarding",
            "decision_id": "dec_4f0c2a6be1d94c5f8a37d20b9e61c853",
            "held_since": "2026-11-23T12:00:00.000+08:00",
        }
    ],
    "remedy": {"text": "可提出异议", "where": [{"authority": "market", "name": "市工商局"}]},
    "indeterminate": True,
    "unknown": [{"code": "feed_silent", "authority": "court", "detail": "40 working days"}],
    "ticket": {"token": "tkt_whole", "expires_at": "2026-11-23T13:00:00+08:00"},
    "feedback_due": "2026-11-30",
    "as_of": {"epoch": "e7b0", "sequence": 341, "read_at": "2026-11-23T12:00:00.000+08:00"},
    "policy": {"pack": "huaian-2018", "version": "2018.10.30-2", "digest": "7483"},
    "added_by_a_later_gateway": {"anything": True},
}
AWAY = {
    "status": 503,
    "code": "register_unreachable",
    "title": "The register cannot be reached",
    "title_zh": "无法访问",
}
REFUSED = {
    "status": 422,
    "code": "identifier_invalid",
    "title": "An identifier is not valid",
    "title_zh": "证件号码无效",
    "detail": "The last character does not match the rest.",
    "path": "$.subjects[0].id",
}
PROBLEM_HEADERS = {"Content-Type": "application/problem+json"}


def client_of(gateway: FakeGateway, timeout: float = 5.0, retries: int = 2) -> CreditGate:
    """A client that uses real sockets and ignores the proxy settings of the environment."""
    return CreditGate(gateway.url, KEY, timeout=timeout, retries=retries, transport=httpx.HTTPTransport())


def answering(answer: Callable[[httpx.Request], httpx.Response]) -> CreditGate:
    """A client whose requests a function answers; no request reaches the network."""
    return CreditGate("http://gateway.test/gate", KEY, transport=httpx.MockTransport(answer))


def ask(client: CreditGate, on_failure: OnFailure = OnFailure.RAISE) -> Decision:
    return client.check("ecommerce.onboarding", "S-1", [SELLER], on_failure=on_failure)
