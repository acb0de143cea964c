"""The commands of the guide for platforms, as they stand in both languages, sent to the started program."""

import json
import re
from typing import Any

import pytest

from tests.e2e.program import ROOT, Program, http
from tests.e2e.test_contract import client

_BODY = re.compile(r"ask (?:-X (\w+) )?\$CREDITGATE_URL(/\S+) -d '(\{.*?\})'", re.DOTALL)
EXPECTED = {"LOT-7": "intercept", "S-1": "review", "CASE-9": "lock"}


def commands(name: str) -> list[tuple[str, str, dict[str, Any]]]:
    text = (ROOT / "docs" / name).read_text()
    return [(method or "POST", path, json.loads(body)) for method, path, body in _BODY.findall(text)]


@pytest.mark.parametrize("name", ["integrate.md", "integrate.zh-CN.md"])
def test_guide_commands_do_what_it_says(program: Program, name: str) -> None:
    """Every body is valid JSON and is taken; the checks come out as the guide says; lock and decision are followed."""
    options = ("--scene", "*", "--release", "--data-class", "public", "--data-class", "government")
    key = client(program, f"guide-{name}", *options)
    found = commands(name)
    assert len(found) == 8
    seen: dict[str, str] = {"LOCK": "", "DECISION": ""}
    for method, path, body in found:
        place = path.replace("$LOCK", seen["LOCK"]).replace("$DECISION", seen["DECISION"])
        if path.startswith("/v1/tickets"):
            clean = {"scene": body["scene"], "transaction_id": body["transaction_id"], "ticket": True}
            clean |= {"operator": "o", "purpose": "p", "subjects": [{"role": "bidder", "id": "12320800466000125L"}]}
            body |= {"ticket": http("POST", f"{program.url}/v1/checks", clean, key=key).json["ticket"]["token"]}
        answer = http(method, program.url + place, body, key=key)
        assert answer.status in (200, 201), (path, answer.body)
        if path == "/v1/checks":
            assert answer.json["outcome"] == EXPECTED[body["transaction_id"]]
            locks = answer.json["locks"]
            seen = {"LOCK": locks[0]["id"] if locks else "", "DECISION": answer.json["decision_id"]}


def test_both_languages_have_the_same_commands() -> None:
    """What runs in one runs in the other."""
    assert commands("integrate.md") == commands("integrate.zh-CN.md")
