"""The city's two sets of conditions: leaving the black list (办法一 Art. 18), repair of any discredit (办法二 Art. 31).

Art. 18 requires （一）, （二） and （三） together, but （一） concerns a first listing and （二） any other. The only
workable reading is "（一） or （二）, and （三）".

Art. 31 bars a subject with a severe discredit within one year. A black list decision is a severe discredit itself, so
this bar contradicts Art. 18, which permits repair after six months. The bar is applied as the text says, and the
conflict is reported (``rules.repair.answer``). 同类 is read as: of the same category of 办法一 Art. 6.
"""

from collections.abc import Iterable
from datetime import date

from rules.faults import Text
from rules.listings.life import State
from rules.repair.case import Assessment, Condition, Discredit, RepairCase
from rules.repair.conditions import (
    bars_absent,
    condition,
    facts_present,
    in_period_of_use,
    months_elapsed,
    no_recurrence,
    performed,
)
from rules.repair.spans import days_within, first_day_after
from rules.vocabulary import Determination

_OBSERVATION_MONTHS = {True: (6,), False: (12,), None: (6, 12)}
"""By whether it is a first listing."""


def black_list_exit_conditions(case: RepairCase, today: date) -> tuple[Condition, ...]:
    """The conditions of 办法一 Art. 18 (退出黑名单), in its order."""
    facts = case.facts
    return (
        in_period_of_use("J18_PERIOD", case, today),
        performed("J18_PERFORMED", today, facts.fulfilled_on, facts.confirmed_on),
        facts_present("J18_IMPACT", impact_eliminated=facts.impact_eliminated),
        _no_recurrence_since_performance(case, today),
        facts_present("J18_REMORSE", remorse_recognised=facts.remorse_recognised),
        facts_present("J18_MEASURES", measures_taken=facts.measures_taken, credit_system=facts.credit_system),
        facts_present("J18_COMMITMENT", commitment=facts.commitment),
    )


def discredit_repair_conditions(case: RepairCase, today: date) -> tuple[Condition, ...]:
    """The conditions of 办法二 Art. 31 in its order: （一）, the seven bars of （二）, （三）."""
    facts = case.facts
    published = Text("first day of publication", "公示开始日")
    return (
        in_period_of_use("G31_PERIOD", case, today),
        months_elapsed("G31_A1", case.listing.published_from, 3, today, published),
        _corrected(case, today),
        _no_recurrence_since_correction(case, today),
        _few_severe_or_serious(case, today),
        _organisations_only("G31_B2", case, bankruptcy_proceedings=facts.bankruptcy_proceedings),
        *_earlier_repairs(case, today),
        _organisations_only("G31_B6", case, ignored_warning=facts.ignored_warning),
        bars_absent("G31_B7", other_bar=facts.other_bar),
        facts_present("G31_C", credit_system=facts.credit_system, commitment=facts.commitment),
    )


def _no_recurrence_since_performance(case: RepairCase, today: date) -> Condition:
    days = [day for day in (case.facts.fulfilled_on, case.facts.confirmed_on) if day is not None]
    if not days:
        return condition("J18_QUIET", None, Text("The day of performance is not stated.", "未说明履行义务的日期。"))
    since, possible = max(days), _OBSERVATION_MONTHS[_is_first(case)]
    certain = len(days) == 2 and len(possible) == 1
    if today < first_day_after(since, possible[0]) and not certain:
        because = Text(
            f"Not {possible[0]} months since {since}; the day of confirmation, or whether it is a first listing,"
            " is not stated.",
            f"{since}后未满{possible[0]}个月；且未说明确认日期或是否初次列入。",
        )
        return condition("J18_QUIET", Assessment.NO, because)
    severe = [(other.determined_on, other.severe) for other in case.not_annulled]
    answers = [no_recurrence("J18_QUIET", since, months, severe, today) for months in possible]
    if len(days) < 2 or answers[0].holds is not answers[-1].holds:
        because = Text(
            "The day of confirmation, or whether it is a first listing, is not stated, and today it decides.",
            "未说明确认日期或是否初次列入，而今日的结论取决于此。",
        )
        return condition("J18_QUIET", None, because)
    return answers[-1]


def _is_first(case: RepairCase) -> bool | None:
    """Whether it is a first listing (初次列入). An earlier black list decision in the ledger outweighs the record."""
    earlier = any(
        other.determination is Determination.LIST_DECISION and other.determined_on < case.listing.determined_on
        for other in case.not_annulled
    )
    return False if earlier else case.listing.first_listing


def _no_recurrence_since_correction(case: RepairCase, today: date) -> Condition:
    since = case.facts.corrected_on
    if since is None:
        return condition("G31_A3", None, Text("The day of correction is not stated.", "未说明纠正日期。"))
    same = [(other.determined_on, True) for other in case.not_annulled if other.category == case.listing.category]
    return no_recurrence("G31_A3", since, 12, same, today)


def _corrected(case: RepairCase, today: date) -> Condition:
    facts = case.facts
    done = performed("G31_A2", today, facts.corrected_on)
    effective = facts_present(
        "G31_A2",
        corrected=None if facts.corrected_on is None else True,
        correction_effective=facts.correction_effective,
        impact_eliminated=facts.impact_eliminated,
    )
    return done if effective.holds is Assessment.YES else effective


def _few_severe_or_serious(case: RepairCase, today: date) -> Condition:
    everything: tuple[Discredit, ...] = (case.listing, *case.not_annulled)
    severe = days_within((each.determined_on for each in everything if each.severe), 12, today)
    serious = days_within((each.determined_on for each in everything if each.serious), 12, today)
    unrated = days_within((each.determined_on for each in everything if each.severe is None), 12, today)
    ends = [first_day_after(severe[0], 12)] if severe else []
    ends += [first_day_after(serious[2], 12)] if len(serious) >= 3 else []
    if ends:
        own = " This record itself is severe." if severe and case.listing.severe else ""
        because = Text(
            f"{len(severe)} severe and {len(serious)} serious within 1 year.{own}",
            f"1年内严重失信{len(severe)}次、较重失信{len(serious)}次。{'本条记录本身即属严重失信。' if own else ''}",
        )
        return condition("G31_B1", Assessment.NO, because, None if unrated else max(ends))
    if unrated:
        because = Text("A discredit within 1 year is not rated.", "1年内有未明确程度的失信记录。")
        return condition("G31_B1", None, because)
    because = Text(
        f"No severe and {len(serious)} serious within 1 year.", f"1年内无严重失信，较重失信{len(serious)}次。"
    )
    return condition("G31_B1", Assessment.YES, because)


def _earlier_repairs(case: RepairCase, today: date) -> Iterable[Condition]:
    repaired = [
        (each.category, each.ended_on)
        for each in case.not_annulled
        if each.state is State.REPAIRED and each.ended_on is not None
    ]
    days = [day for _, day in repaired]
    same = [day for category, day in repaired if category == case.listing.category]
    yield _fewer_than("G31_B3", days_within(days, 12, today), 1, 12)
    yield _fewer_than("G31_B4", days_within(days, 60, today), 2, 60)
    yield _fewer_than("G31_B5", days_within(same, 60, today), 1, 60)


def _fewer_than(code: str, recent: list[date], limit: int, months: int) -> Condition:
    """Fewer than ``limit`` of the days, latest first, lie within the months; otherwise, from which day that is so."""
    because = Text(f"{len(recent)} within {months} months.", f"{months}个月内{len(recent)}次。")
    barred = len(recent) >= limit
    return condition(code, not barred, because, first_day_after(recent[limit - 1], months) if barred else None)


def _organisations_only(code: str, case: RepairCase, **bars: bool | None) -> Condition:
    if not case.listing.organisation:
        return condition(code, Assessment.YES, Text("It concerns organisations only.", "仅适用于单位。"))
    return bars_absent(code, **bars)
