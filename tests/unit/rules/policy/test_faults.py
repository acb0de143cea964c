"""A pack is loaded completely or not at all."""

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from config.files import ConfigError, load_departments
from config.policy_file import load_policy
from config.settings import Settings
from rules.policy.faults import PolicyInvalidError, policy_from

SOURCE = Settings().policy.read_bytes()
PACK = {key: value for key, value in yaml.safe_load(SOURCE).items() if not key.startswith("x-")}


def rule(pack: dict[str, Any], name: str) -> dict[str, Any]:
    return next(item for item in pack["rules"] if item["id"] == name)


def bent(change: Any) -> dict[str, Any]:  # noqa: ANN401
    pack = copy.deepcopy(PACK)
    change(pack)
    return pack


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda p: rule(p, "bidder-refused").pop("basis"), "basis"),  # a rule without a basis does not load
        (lambda p: rule(p, "bidder-refused").update(basis=[]), "basis"),
        (lambda p: rule(p, "bidder-refused").update(scenes=["bidding.nothing"]), "no scene bidding.nothing"),
        (lambda p: rule(p, "bidder-refused")["then"].update(measures=["P99"]), "no measure P99"),
        (lambda p: rule(p, "bidder-refused")["then"].update(measures=[]), "must name the measure"),
        (lambda p: rule(p, "bidder-refused")["then"].update(outcome="block"), "outcome"),
        (lambda p: rule(p, "lender-told")["then"].update(lock="account"), "only lock and intercept may lock"),
        (lambda p: rule(p, "red-last-rule")["then"].update(outcome="warn"), "a red listing can only help"),
        (lambda p: rule(p, "black-last-rule").update(scenes=["funds.grant"]), "no last rule for every black"),
        (lambda p: rule(p, "black-last-rule").update(shadow=True), "no last rule for every black"),
        (lambda p: rule(p, "black-last-rule").update(until="2027-01-01"), "no last rule for every black"),
        (lambda p: rule(p, "bidder-refused")["then"].pop("message"), "message"),
        (lambda p: p["scenes"]["funds.grant"].update(on_unknown="warn"), "one of allow, review, lock, intercept"),
        (lambda p: p["scenes"]["funds.grant"].pop("owner"), "owner"),
        (lambda p: p["precedence"].update(outcomes=["allow", "intercept"]), "the strictest wins"),
        (lambda p: p["precedence"].update(red="always"), "red"),
        (lambda p: p["documents"].pop("e-commerce"), "no document e-commerce"),
        (lambda p: p["rules"].append(p["rules"][0]), "stands twice"),
        (lambda p: p.update(scenes={}), "scenes"),
        (lambda p: p.update(surprise=1), "surprise"),
    ],
)
def test_broken_pack_is_refused(change: Any, says: str) -> None:  # noqa: ANN401
    """Each defect refuses the pack and is named in the fault."""
    with pytest.raises(PolicyInvalidError, match=says):
        policy_from(bent(change), b"")


def test_shipped_pack_loads_with_a_digest() -> None:
    """The pack in config/ loads, and its digest depends on its bytes."""
    policy = load_policy(Settings().policy)
    assert len(policy.pack.scenes) >= 6
    assert policy.digest == policy_from(PACK, SOURCE).digest
    assert policy.digest != policy_from(PACK, SOURCE + b"#").digest


@pytest.mark.parametrize("text", ["a: [", "- 1", "", "pack: x"])
def test_invalid_pack_names_its_file(tmp_path: Path, text: str) -> None:
    """The message has the file and the place of the fault."""
    path = tmp_path / "pack.yaml"
    path.write_text(text)
    for load in (load_policy, load_departments):
        with pytest.raises(ConfigError, match=str(path)):
            load(path)
    with pytest.raises(ConfigError, match="No such file"):
        load_policy(tmp_path / "none.yaml")
