"""The conditions of the national order (信用修复管理办法, 令第36号, in force since 2026-04-01), as far as known.

Known are the shortest publicity by severity, counted from the day of the document, the performance of duties and
the commitment. Not known are the rules of each particular list and the handling of unrated records. These conditions
stay ``unknown``, so this set of rules never answers yes.
"""

from datetime import date

from rules.faults import Text
from rules.repair.case import Assessment, Condition, RepairCase
from rules.repair.conditions import bars_absent, condition, facts_present, in_period_of_use, months_elapsed, performed
from rules.vocabulary import Severity

IN_FORCE_FROM = date(2026, 4, 1)
_SHORTEST_PUBLICITY_MONTHS = {Severity.GENERAL: 3, Severity.SEVERE: 12}
"""较重 and unrated records have no step in the national scale (轻微, 一般, 严重)."""


def national_order_conditions(case: RepairCase, today: date) -> tuple[Condition, ...]:
    """The conditions of the order."""
    return (
        _in_force(today),
        in_period_of_use("N36_PERIOD", case, today),
        _shortest_publicity(case, today),
        performed("N36_DUTIES", today, case.facts.fulfilled_on),
        facts_present("N36_COMMITMENT", commitment=case.facts.commitment),
        _bankruptcy(case),
        condition("N36_REST", None, Text("To be verified with the authority.", "须向认定单位核实。")),
    )


def _in_force(today: date) -> Condition:
    because = Text(f"In force from {IN_FORCE_FROM}.", f"自{IN_FORCE_FROM}起施行。")
    started = today >= IN_FORCE_FROM
    return condition("N36_IN_FORCE", started, because, None if started else IN_FORCE_FROM)


def _shortest_publicity(case: RepairCase, today: date) -> Condition:
    months = _SHORTEST_PUBLICITY_MONTHS.get(case.listing.severity)
    if months is None:
        because = Text("The national scale has no step for this rating.", "国家分级中无对应的失信程度，须核实。")
        return condition("N36_SHORTEST", None, because)
    return months_elapsed(
        "N36_SHORTEST", case.listing.determined_on, months, today, Text("day of the document", "文书认定日")
    )


def _bankruptcy(case: RepairCase) -> Condition:
    if not case.listing.organisation:
        return condition("N36_BANKRUPTCY", Assessment.YES, Text("It concerns organisations only.", "仅适用于单位。"))
    if case.facts.bankruptcy_proceedings:
        because = Text("In a reorganisation it may be suspended: to be reviewed.", "破产重整可暂停惩戒，须人工核查。")
        return condition("N36_BANKRUPTCY", None, because)
    return bars_absent("N36_BANKRUPTCY", bankruptcy_proceedings=case.facts.bankruptcy_proceedings)
