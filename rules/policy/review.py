"""Warnings about a pack that loads: rules without effect, and rules that contradict each other."""

from collections.abc import Iterator
from datetime import date
from itertools import combinations
from typing import NamedTuple

from rules.policy.condition import RuleCondition
from rules.policy.pack import Policy, Rule
from rules.records.departments import Departments
from rules.vocabulary import BLACK_CATEGORIES, RED_CATEGORIES, Determination, ListColour, Outcome, Severity

_SET_CONDITIONS = ("categories", "severities", "determinations", "authorities", "kinds", "roles")


class Finding(NamedTuple):
    """One warning. ``code``: ``unreachable``, ``without_effect``, ``contradictory``, ``bounded``, ``over``."""

    code: str
    rule: str
    text: str


def review(policy: Policy, departments: Departments, today: date) -> list[Finding]:
    """All warnings about a pack, in the order of its rules."""
    rules = policy.pack.rules
    found = [finding for rule in rules for finding in _findings_of_rule(rule, policy, departments, today)]
    for first, second in combinations([rule for rule in rules if not rule.shadow], 2):
        found += _findings_of_pair(first, second)
    return sorted(found, key=lambda finding: [rule.id for rule in rules].index(finding.rule))


def _findings_of_rule(rule: Rule, policy: Policy, departments: Departments, today: date) -> Iterator[Finding]:
    for reason in _reasons_unreachable(rule, departments):
        yield Finding("unreachable", rule.id, f"can never fire: {reason}")
    if rule.until is not None and rule.until < today:
        yield Finding("over", rule.id, f"was in force until {rule.until}")
    limit = _legal_limit(rule.when)
    if rule.then.outcome.rank > limit.rank:
        yield Finding("bounded", rule.id, f"the law allows at most {limit} for these listings")
    for scene in rule.scenes:
        weights = policy.pack.scenes[scene].weights
        roles = rule.when.roles or ()
        if roles and all(role in weights and weights[role].rank < rule.then.outcome.rank for role in roles):
            yield Finding("bounded", rule.id, f"in {scene} each of its roles weighs less than {rule.then.outcome}")


def _reasons_unreachable(rule: Rule, departments: Departments) -> Iterator[str]:
    when = rule.when
    if rule.from_day is not None and rule.until is not None and rule.until < rule.from_day:
        yield f"it ends on {rule.until}, before it begins"
    if when.amount_from is not None and when.amount_below is not None and when.amount_below <= when.amount_from:
        yield "amount_below is not above amount_from"
    yield from (f"{name} is empty" for name in _SET_CONDITIONS if getattr(when, name) == frozenset())
    known = BLACK_CATEGORIES if when.list is ListColour.BLACK else RED_CATEGORIES
    wrong = sorted((when.categories or frozenset()) - known.keys())
    if wrong:
        yield f"{', '.join(wrong)} is no category of the {when.list} list"
    unknown = sorted(code for code in when.authorities or () if departments.find(code) is None)
    if unknown:
        yield f"{', '.join(unknown)} is no authority"
    if when.categories and when.authorities and not wrong and not unknown:
        may = {c for code in when.authorities if (d := departments.find(code)) is not None for c in d.categories}
        if not when.categories & may:
            yield "none of these authorities may determine any of these categories"


def _legal_limit(when: RuleCondition) -> Outcome:
    """The strictest outcome that the law allows for any listing that meets these conditions (``legal_limit``)."""
    if when.list is ListColour.RED:
        return Outcome.ALLOW
    penalties = when.determinations == frozenset({Determination.ADMINISTRATIVE_PENALTY})
    return Outcome.WARN if penalties or when.severities == frozenset({Severity.GENERAL}) else Outcome.INTERCEPT


def _findings_of_pair(first: Rule, second: Rule) -> Iterator[Finding]:
    scenes = [scene for scene in first.scenes if scene in second.scenes]
    if not scenes or not _periods_overlap(first, second) or first.when.list is not second.when.list:
        return
    if first.when == second.when and first.then.outcome is not second.then.outcome:
        outcomes = f"{first.then.outcome} here, {second.then.outcome} there"
        text = f"has the same conditions as {second.id} in {', '.join(scenes)}, with another outcome: {outcomes}"
        yield Finding("contradictory", first.id, text)
        return
    for narrow, wide in ((first, second), (second, first)):
        if _is_subsumed(narrow, wide):
            yield Finding(
                "without_effect", narrow.id, f"{wide.id} fires wherever this rule does, with at least its consequence"
            )
            return


def _is_subsumed(narrow: Rule, wide: Rule) -> bool:
    """Whether the wide rule fires wherever the narrow one does, with all of its consequence."""
    weaker = narrow.then.outcome.rank <= wide.then.outcome.rank
    if narrow.when.list is ListColour.RED:
        weaker = narrow.then.outcome.rank >= wide.then.outcome.rank
    return (
        weaker
        and set(narrow.scenes) <= set(wide.scenes)
        and set(narrow.then.measures) <= set(wide.then.measures)
        and (narrow.then.lock is None or narrow.then.lock is wide.then.lock)
        and (wide.from_day is None and wide.until is None)
        and _implies(narrow.when, wide.when)
    )


def _implies(narrow: RuleCondition, wide: RuleCondition) -> bool:
    """Whether every listing that meets the narrow conditions meets the wide ones."""
    for name in _SET_CONDITIONS:
        ours, theirs = getattr(narrow, name), getattr(wide, name)
        if theirs is not None and (ours is None or not ours <= theirs):
            return False
    return all(
        getattr(wide, name) is None or getattr(narrow, name) == getattr(wide, name)
        for name in ("objection_open", "amount_from", "amount_below", "regions")
    )


def _periods_overlap(first: Rule, second: Rule) -> bool:
    starts = max(first.from_day or date.min, second.from_day or date.min)
    return starts <= min(first.until or date.max, second.until or date.max)
