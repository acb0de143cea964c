"""The national rules on repair (令第36号, in force since 2026-04-01), as far as they are known.

Known are the shortest publicity by severity, counted from the day of the document, the performance of duties
and the commitment. Not known are the handling of each list by its own rules and of unrated records: these
stay ``unknown``, so that this measure never answers yes by itself.
"""

from datetime import date

from rules.faults import Text
from rules.repair.case import Condition, Holds, RepairCase
from rules.repair.conditions import condition, in_period, no_bar, performed, stated, waited
from rules.vocabulary import Severity

IN_FORCE_FROM = date(2026, 4, 1)
_SHORTEST = {Severity.GENERAL: 3, Severity.SEVERE: 12}
"""Months. 较重 and unrated have no step in the national scale (轻微, 一般, 严重)."""


def national_order(case: RepairCase, today: date) -> tuple[Condition, ...]:
    """What the order asks for."""
    return (
        _in_force(today),
        in_period("N36_PERIOD", case, today),
        _shortest_publicity(case, today),
        performed("N36_DUTIES", today, case.facts.fulfilled_on),
        stated("N36_COMMITMENT", commitment=case.facts.commitment),
        _bankruptcy(case),
        condition("N36_REST", None, Text("To be asked of the authority.", "须向认定单位核实。")),
    )


def _in_force(today: date) -> Condition:
    because = Text(f"In force from {IN_FORCE_FROM}.", f"自{IN_FORCE_FROM}起施行。")
    started = today >= IN_FORCE_FROM
    return condition("N36_IN_FORCE", started, because, None if started else IN_FORCE_FROM)


def _shortest_publicity(case: RepairCase, today: date) -> Condition:
    months = _SHORTEST.get(case.listing.severity)
    if months is None:
        because = Text("The national scale has no step for this rating.", "国家分级中无对应的失信程度，须核实。")
        return condition("N36_SHORTEST", None, because)
    return waited("N36_SHORTEST", case.listing.determined_on, months, today, Text("day of the document", "文书认定日"))


def _bankruptcy(case: RepairCase) -> Condition:
    if not case.listing.organisation:
        return condition("N36_BANKRUPTCY", Holds.YES, Text("It concerns organisations only.", "仅适用于单位。"))
    if case.facts.bankruptcy_proceedings:
        because = Text("In a reorganisation it may be suspended: to be reviewed.", "破产重整可暂停惩戒，须人工核查。")
        return condition("N36_BANKRUPTCY", None, because)
    return no_bar("N36_BANKRUPTCY", bankruptcy_proceedings=case.facts.bankruptcy_proceedings)
