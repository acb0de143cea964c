"""The city's two rules on repair: leaving the black list (办法一 Art. 18), and any discredit (办法二 Art. 31).

Art. 18 asks for (一), (二) and (三) together, but (一) is for a first listing and (二) for any other. The only
workable reading is "(一) or (二), and (三)".

Art. 31 bars whoever has a severe discredit within one year. A black list decision is one itself, so the bar
holds against what Art. 18 permits after six months. It is counted here, as the text says, and the clash is
shown (``rules.repair.answer``). 同类 is read as: of the same category of 办法一 Art. 6.
"""

from collections.abc import Iterable
from datetime import date

from rules.faults import Text
from rules.listings.life import State
from rules.repair.case import Condition, Discredit, Holds, RepairCase
from rules.repair.conditions import condition, in_period, no_bar, performed, quiet, stated, waited
from rules.repair.spans import passed_on, within
from rules.vocabulary import Determination

_QUIET_MONTHS = {True: (6,), False: (12,), None: (6, 12)}
"""By whether it is a first listing."""


def leaving_the_black_list(case: RepairCase, today: date) -> tuple[Condition, ...]:
    """办法一 Art. 18, in its order."""
    facts = case.facts
    return (
        in_period("J18_PERIOD", case, today),
        performed("J18_PERFORMED", today, facts.fulfilled_on, facts.confirmed_on),
        stated("J18_IMPACT", impact_eliminated=facts.impact_eliminated),
        _quiet_since_performance(case, today),
        stated("J18_REMORSE", remorse_recognised=facts.remorse_recognised),
        stated("J18_MEASURES", measures_taken=facts.measures_taken, credit_system=facts.credit_system),
        stated("J18_COMMITMENT", commitment=facts.commitment),
    )


def repairing_any_discredit(case: RepairCase, today: date) -> tuple[Condition, ...]:
    """办法二 Art. 31, in its order: (一), the seven bars of (二), (三)."""
    facts = case.facts
    published = Text("first day of publication", "公示开始日")
    return (
        in_period("G31_PERIOD", case, today),
        waited("G31_A1", case.listing.published_from, 3, today, published),
        _corrected(case, today),
        _quiet_since_correction(case, today),
        _few_and_light(case, today),
        _of_organisations("G31_B2", case, bankruptcy_proceedings=facts.bankruptcy_proceedings),
        *_repairs(case, today),
        _of_organisations("G31_B6", case, ignored_warning=facts.ignored_warning),
        no_bar("G31_B7", other_bar=facts.other_bar),
        stated("G31_C", credit_system=facts.credit_system, commitment=facts.commitment),
    )


def _quiet_since_performance(case: RepairCase, today: date) -> Condition:
    days = [day for day in (case.facts.fulfilled_on, case.facts.confirmed_on) if day is not None]
    if not days:
        return condition("J18_QUIET", None, Text("The day of performance is not stated.", "未说明履行义务的日期。"))
    since, possible = max(days), _QUIET_MONTHS[_is_first(case)]
    certain = len(days) == 2 and len(possible) == 1
    if today < passed_on(since, possible[0]) and not certain:
        because = Text(
            f"Not {possible[0]} months since {since}; the day of confirmation, or whether it is a first listing,"
            " is not stated.",
            f"{since}后未满{possible[0]}个月；且未说明确认日期或是否初次列入。",
        )
        return condition("J18_QUIET", Holds.NO, because)
    severe = [(other.determined_on, other.severe) for other in case.standing]
    answers = [quiet("J18_QUIET", since, months, severe, today) for months in possible]
    if len(days) < 2 or answers[0].holds is not answers[-1].holds:
        because = Text(
            "The day of confirmation, or whether it is a first listing, is not stated, and today it decides.",
            "未说明确认日期或是否初次列入，而今日的结论取决于此。",
        )
        return condition("J18_QUIET", None, because)
    return answers[-1]


def _is_first(case: RepairCase) -> bool | None:
    """Whether it is a first listing. A black list decision known from before outweighs what is stated."""
    earlier = any(
        other.determination is Determination.LIST_DECISION and other.determined_on < case.listing.determined_on
        for other in case.standing
    )
    return False if earlier else case.listing.first_listing


def _quiet_since_correction(case: RepairCase, today: date) -> Condition:
    since = case.facts.corrected_on
    if since is None:
        return condition("G31_A3", None, Text("The day of correction is not stated.", "未说明纠正日期。"))
    same = [(other.determined_on, True) for other in case.standing if other.category == case.listing.category]
    return quiet("G31_A3", since, 12, same, today)


def _corrected(case: RepairCase, today: date) -> Condition:
    facts = case.facts
    done = performed("G31_A2", today, facts.corrected_on)
    told = stated(
        "G31_A2",
        corrected=None if facts.corrected_on is None else True,
        correction_effective=facts.correction_effective,
        impact_eliminated=facts.impact_eliminated,
    )
    return done if told.holds is Holds.YES else told


def _few_and_light(case: RepairCase, today: date) -> Condition:
    everything: tuple[Discredit, ...] = (case.listing, *case.standing)
    severe = within((each.determined_on for each in everything if each.severe), 12, today)
    serious = within((each.determined_on for each in everything if each.serious), 12, today)
    unrated = within((each.determined_on for each in everything if each.severe is None), 12, today)
    ends = [passed_on(severe[0], 12)] if severe else []
    ends += [passed_on(serious[2], 12)] if len(serious) >= 3 else []
    if ends:
        own = " This record itself is severe." if severe and case.listing.severe else ""
        because = Text(
            f"{len(severe)} severe and {len(serious)} serious within 1 year.{own}",
            f"1年内严重失信{len(severe)}次、较重失信{len(serious)}次。{'本条记录本身即属严重失信。' if own else ''}",
        )
        return condition("G31_B1", Holds.NO, because, None if unrated else max(ends))
    if unrated:
        because = Text("A discredit within 1 year is not rated.", "1年内有未明确程度的失信记录。")
        return condition("G31_B1", None, because)
    because = Text(
        f"No severe and {len(serious)} serious within 1 year.", f"1年内无严重失信，较重失信{len(serious)}次。"
    )
    return condition("G31_B1", Holds.YES, because)


def _repairs(case: RepairCase, today: date) -> Iterable[Condition]:
    repaired = [
        (each.category, each.ended_on)
        for each in case.standing
        if each.state is State.REPAIRED and each.ended_on is not None
    ]
    days = [day for _, day in repaired]
    same = [day for category, day in repaired if category == case.listing.category]
    yield _fewer("G31_B3", within(days, 12, today), 1, 12)
    yield _fewer("G31_B4", within(days, 60, today), 2, 60)
    yield _fewer("G31_B5", within(same, 60, today), 1, 60)


def _fewer(code: str, recent: list[date], limit: int, months: int) -> Condition:
    """That fewer than ``limit`` of the days, latest first, lie within the months; else from when they do."""
    because = Text(f"{len(recent)} within {months} months.", f"{months}个月内{len(recent)}次。")
    barred = len(recent) >= limit
    return condition(code, not barred, because, passed_on(recent[limit - 1], months) if barred else None)


def _of_organisations(code: str, case: RepairCase, **bars: bool | None) -> Condition:
    if not case.listing.organisation:
        return condition(code, Holds.YES, Text("It concerns organisations only.", "仅适用于单位。"))
    return no_bar(code, **bars)
