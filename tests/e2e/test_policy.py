"""Policies on the started program: reloading without a restart, dry runs, and unreliable data."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.program import ROOT, Program, credit_code, eventually, http
from tests.e2e.test_contract import BIDDER, body, client

SHIPPED = (ROOT / "config" / "policy" / "huaian-2018.yaml").read_text()
SHADOW = """  - id: tried-only
    scenes: [finance.loan]
    when: {list: black}
    then: {outcome: review, message: {zh: 试行, en: tried}}
    basis: [{document: joint-discipline, article: 第十四条（九）}]
    shadow: true

remedy:
"""


@pytest.fixture(scope="module")
def tried(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """A seeded program with a policy file of its own."""
    folder = tmp_path_factory.mktemp("policy")
    (folder / "pack.yaml").write_text(SHIPPED)
    program = Program(folder / "var", CREDITGATE_POLICY=str(folder / "pack.yaml")).start("--seed")
    yield program
    assert program.stop() == 0


def pack(program: Program) -> Path:
    return program.data.parent / "pack.yaml"


def ready(program: Program) -> dict[str, str]:
    components: dict[str, str] = http("GET", f"{program.url}/readyz").json["components"]
    return components


def ask(program: Program, scene: str = "finance.loan", who: str = BIDDER, role: str = "borrower") -> dict[str, Any]:
    answer: dict[str, Any] = program.check(scene, who, role).json
    return answer


def test_valid_policy_is_reloaded_and_broken_kept_out(tried: Program) -> None:
    """The file is reloaded on change; an invalid one keeps the former policy and shows in readiness, metric and log."""
    assert ask(tried)["policy"]["version"] == "2018.10.30-2"
    pack(tried).write_text(SHIPPED.replace('version: "2018.10.30-2"', 'version: "x-1"'))
    assert eventually(lambda: ask(tried)["policy"]["version"] == "x-1")
    pack(tried).write_text(SHIPPED.replace("measures: [P09]", "measures: [P99]"))
    assert eventually(lambda: ready(tried)["policy_file"] == "refused")
    assert http("GET", f"{tried.url}/readyz").status == 200
    assert ask(tried)["policy"]["version"] == "x-1"
    metrics = http("GET", f"{tried.url}/metrics", key=tried.key).body.decode()
    assert "creditgate_policy_refused" in metrics
    log = (tried.data / "logs" / "gateway.log").read_text()
    line = next(n for n, text in enumerate(SHIPPED.splitlines(), 1) if "measures: [P09]" in text)
    assert f"pack.yaml:{line}: rule lender-told: no measure P99" in log
    pack(tried).write_text(SHIPPED)
    os.kill(tried.children()["creditgate serve"], signal.SIGHUP)
    assert eventually(lambda: ready(tried)["policy_file"] == "ready")


def test_a_shadow_rule_is_counted_recorded_and_replayed(tried: Program) -> None:
    """A shadow rule changes no answer; metric and ledger have what it would have done."""
    pack(tried).write_text(SHIPPED.replace("remedy:\n", SHADOW))
    assert eventually(lambda: ask(tried)["policy"]["digest"] != "089c24c44188c2a0")
    answer = ask(tried)
    assert (answer["outcome"], "tried-only" in answer["rules"]) == ("warn", False)

    def counted() -> bool:
        metrics = http("GET", f"{tried.url}/metrics", key=tried.key).body.decode()
        return 'creditgate_shadow_rules_total{outcome="review",rule="tried-only"}' in metrics

    assert eventually(counted)
    live = pack(tried).with_name("live.yaml")
    live.write_text(SHIPPED.replace("remedy:\n", SHADOW.replace("    shadow: true\n", "")))

    def replayed() -> dict[str, Any] | None:
        done = tried.cli("policy", "replay", "--pack", str(live), "--since", "1h", "--json")
        assert done.returncode in (0, 1), done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found if found["changed"] else None

    found = eventually(replayed)
    assert found
    assert found["changes"][0]["scene"] == "finance.loan"
    assert (found["changes"][0]["before"], found["changes"][0]["after"]) == ("warn", "review")
    assert found["not_replayable"] == 0
    same = tried.cli("policy", "replay", "--pack", str(pack(tried)), "--since", "1h", "--json")
    assert (same.returncode, json.loads(same.stdout)["changed"]) == (0, 0)
    pack(tried).write_text(SHIPPED)


def test_the_command_line_tries_a_pack(tried: Program) -> None:
    """check, test and diff exit with 0 on success, 1 with differences, 2 for an invalid file."""
    changed = pack(tried).with_name("changed.yaml")
    changed.write_text(SHIPPED.replace("categories: [C01, C03, C05, C06, C07]", "categories: [C01, C03, C05, C07]"))
    broken = pack(tried).with_name("broken.yaml")
    broken.write_text(SHIPPED.replace("outcome: warn", "outcome: stop"))
    examples = str(ROOT / "config" / "policy" / "huaian-2018.examples.yaml")
    for arguments, code, says in (
        (["check"], 0, "25 scenes"),
        (["check", "--pack", str(broken)], 2, f"{broken}:"),
        (["test", "--examples", examples], 0, "examples as expected"),
        (["test", "--pack", str(changed), "--examples", examples], 0, "examples as expected"),
        (["test", "--pack", str(changed)], 2, "examples"),
        (["diff", str(pack(tried)), str(changed)], 1, "approval.project: intercept → review"),
        (["replay", "--pack", str(changed), "--since", "soon"], 2, "--since"),
    ):
        done = tried.cli("policy", *arguments)
        assert done.returncode == code, (arguments, done.stdout, done.stderr)
        assert says in (done.stdout + done.stderr).replace("\n", " ")


def test_policy_explanation_is_recorded(tried: Program) -> None:
    """Each rule of the scene fired or missed, and by which condition; the number comes by stdin."""
    done = tried.cli("policy", "explain", "--scene", "consumption.high", "--id", "-", "--json", stdin=BIDDER + "\n")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    rules = {rule["rule"]: rule for rule in found["listings"][0]["rules"]}
    assert rules["high-consumption-refused"]["misses"] == ["kinds"]
    assert rules["black-last-rule"]["fired"]
    assert (found["outcome"], BIDDER in done.stdout) == ("warn", False)
    assert tried.cli("policy", "explain", "--scene", "nowhere", "--id", BIDDER).returncode == 2
    assert tried.cli("policy", "explain", "--scene", "finance.loan", "--id", "12").returncode == 2


def test_held_feed_and_lost_register_are_indeterminate(tried: Program) -> None:
    """A quarantined feed, a stale register and a lost register are noted, and the scene's own outcome applies."""
    feeder = client(tried, "court-feeder", "--feed", "court")
    clean = credit_code(8_400_001)
    assert ask(tried, "bidding.qualification", clean, "bidder")["indeterminate"] is False
    # An empty full list quarantines the court's feed, which bidding relies on and a loan does not.
    url = f"{tried.url}/v1/feeds/court/files?mode=snapshot&document_no=X&list=black"
    headers = {"Content-Disposition": 'attachment; filename="empty.json"', "Content-Type": "application/octet-stream"}
    held = http("POST", url, b"[]", key=feeder, headers=headers)
    assert held.status == 202, held.body

    def unknown(scene: str, role: str, who: str = clean, oldest: int | None = None) -> tuple[str, set[str]]:
        sent = body(scene=scene, subjects=[{"role": role, "id": who}], max_staleness_ms=oldest)
        answer = http("POST", f"{tried.url}/v1/checks", sent, key=tried.key).json
        assert answer["indeterminate"] is bool(answer["unknown"])
        return answer["outcome"], {item["code"] for item in answer["unknown"]}

    assert eventually(lambda: unknown("bidding.qualification", "bidder") == ("review", {"feed_held"}))
    assert unknown("finance.loan", "borrower") == ("allow", set())
    tried_again = tried.cli("feeds", "discard", "court", "--operator", "o", "--reason", "核实为误报")
    assert tried_again.returncode == 0, tried_again.stderr
    assert eventually(lambda: unknown("bidding.qualification", "bidder") == ("allow", set()))
    # A required age below the possible one gives an unknown status; listings that were found still count.
    assert unknown("finance.loan", "borrower", oldest=1)[1] <= {"register_stale"}
    stopped = tried.children()["creditgate worker"]
    os.kill(stopped, signal.SIGSTOP)
    try:
        stale = 2500
        assert eventually(lambda: unknown("bidding.qualification", "bidder", oldest=stale)[1] == {"register_stale"})
        assert unknown("bidding.qualification", "bidder", BIDDER, oldest=stale) == ("intercept", {"register_stale"})
        assert unknown("finance.loan", "borrower") == ("allow", set()), "five minutes are allowed here"
    finally:
        os.kill(stopped, signal.SIGCONT)
    assert eventually(lambda: unknown("bidding.qualification", "bidder", oldest=stale) == ("allow", set()))
    metrics = http("GET", f"{tried.url}/metrics", key=tried.key).body.decode()
    assert 'creditgate_checks_indeterminate_total{cause="feed_held",scene="bidding.qualification"}' in metrics
