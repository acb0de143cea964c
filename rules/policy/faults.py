"""Loads a policy from decoded YAML: the whole pack, or every fault with its place."""

from collections.abc import Iterator
from hashlib import sha256
from typing import Any, NamedTuple

import msgspec

from rules.faults import CreditGateError
from rules.policy.condition import RuleCondition
from rules.policy.pack import ON_UNKNOWN, Document, Measure, Pack, Policy, Rule, Scene
from rules.vocabulary import ListColour, Outcome

Path = tuple[str | int, ...]
_PARTS: dict[str, type] = {"documents": Document, "scenes": Scene, "measures": Measure, "rules": Rule}


class Fault(NamedTuple):
    """What is wrong, and where: the keys and indices from the top of the file."""

    path: Path
    text: str


class PolicyInvalidError(CreditGateError, ValueError):
    """The pack cannot be used. ``faults`` holds every fault found."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("; ".join(f"{_shown(fault.path)}: {fault.text}" for fault in faults))
        self.faults = faults


def policy_from(value: Any, source: bytes) -> Policy:  # noqa: ANN401 - whatever YAML holds
    """A policy from decoded YAML and the bytes it was decoded from, whose digest names it.

    Raises ``PolicyInvalidError``.
    """
    faults = list(_type_faults(value))
    if faults:
        raise PolicyInvalidError(faults)
    pack = msgspec.convert(value, Pack)
    faults = [*_unresolved_references(pack), *_rule_faults(pack), *_scenes_without_default(pack)]
    if faults:
        raise PolicyInvalidError(faults)
    return Policy(pack, sha256(source).hexdigest()[:16])


def _type_faults(value: Any) -> Iterator[Fault]:  # noqa: ANN401
    """Checks every part by itself, so that one fault does not hide another."""
    if not isinstance(value, dict):
        yield Fault((), "must hold a mapping")
        return
    well_formed = True
    for name, kind in _PARTS.items():
        part = value.get(name)
        items = part.items() if isinstance(part, dict) else enumerate(part if isinstance(part, list) else ())
        for step, item in items:
            for fault in _conversion_faults(item, kind, (name, step)):
                well_formed = False
                yield fault
    if well_formed:
        yield from _conversion_faults(value, Pack, ())


def _conversion_faults(item: Any, kind: type, where: Path) -> Iterator[Fault]:  # noqa: ANN401
    try:
        msgspec.convert(item, kind)
    except msgspec.ValidationError as error:
        text, _, place = str(error).partition(" - at `$")
        yield Fault((*where, *_steps(place.rstrip("`"))), text)


def _steps(place: str) -> Iterator[str | int]:
    for step in place.replace("[", ".[").split("."):
        if step.startswith("["):
            number = step.strip("[]")
            if not number.isdigit():
                return  # "[...]": some key, which the library does not name
            yield int(number)
        elif step:
            yield step


def _unresolved_references(pack: Pack) -> Iterator[Fault]:
    for code, measure in pack.measures.items():
        if measure.basis.document not in pack.documents:
            yield Fault(("measures", code, "basis"), f"measure {code}: no document {measure.basis.document}")
    for number, rule in enumerate(pack.rules):
        at = ("rules", number)
        for basis in rule.basis:
            if basis.document not in pack.documents:
                yield Fault((*at, "basis"), f"rule {rule.id}: no document {basis.document}")
        for code in rule.then.measures:
            if code not in pack.measures:
                yield Fault((*at, "then", "measures"), f"rule {rule.id}: no measure {code}")
        for scene in rule.scenes:
            if scene not in pack.scenes:
                yield Fault((*at, "scenes"), f"rule {rule.id}: no scene {scene}")


def _rule_faults(pack: Pack) -> Iterator[Fault]:
    if pack.precedence.outcomes != tuple(Outcome):
        yield Fault(("precedence", "outcomes"), f"the order is {', '.join(Outcome)}; the strictest wins")
    for name, scene in pack.scenes.items():
        if scene.on_unknown not in ON_UNKNOWN:
            yield Fault(("scenes", name, "on_unknown"), f"scene {name}: one of {', '.join(ON_UNKNOWN)}")
    seen: set[str] = set()
    for number, rule in enumerate(pack.rules):
        at = ("rules", number)
        blocks = rule.then.outcome.rank >= Outcome.LOCK.rank
        if rule.id in seen:
            yield Fault((*at, "id"), f"rule {rule.id}: the id stands twice")
        seen.add(rule.id)
        if rule.when.list is ListColour.RED and rule.then.outcome.rank > Outcome.ALLOW.rank:
            yield Fault((*at, "then", "outcome"), f"rule {rule.id}: a red listing can only help")
        if blocks and not rule.then.measures:
            yield Fault((*at, "then"), f"rule {rule.id}: a block must name the measure it carries out")
        if rule.then.lock is not None and not blocks:
            yield Fault((*at, "then", "lock"), f"rule {rule.id}: only lock and intercept may lock")


def _scenes_without_default(pack: Pack) -> Iterator[Fault]:
    """Each scene needs, for each colour, a default rule: no further condition, no time limit, no shadow."""
    for scene in pack.scenes:
        for colour in ListColour:
            defaults = (
                scene in rule.scenes
                and rule.when == RuleCondition(list=colour)
                and not rule.shadow
                and rule.from_day is None
                and rule.until is None
                for rule in pack.rules
            )
            if not any(defaults):
                yield Fault(("scenes", scene), f"scene {scene}: no last rule for every {colour} listing")


def _shown(path: Path) -> str:
    return "$" + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
