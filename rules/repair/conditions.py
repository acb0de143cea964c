"""The kinds of requirement that credit repair has; each function answers one as a ``Condition`` with its reason."""

from collections.abc import Iterable
from datetime import date

from rules.faults import Text
from rules.listings.life import State
from rules.repair.case import Assessment, Condition, RepairCase
from rules.repair.spans import first_day_after
from rules.repair.texts import FACTS, REQUIREMENTS

_ENDED = (State.EXPIRED, State.REMOVED, State.REPAIRED, State.ANNULLED, State.ARCHIVED)


def condition(code: str, holds: Assessment | bool | None, because: Text, from_when: date | None = None) -> Condition:
    """The requirement with that code and its assessment; True, False and None mean yes, no and unknown."""
    article, text = REQUIREMENTS[code]
    if not isinstance(holds, Assessment):
        holds = Assessment.UNKNOWN if holds is None else Assessment.YES if holds else Assessment.NO
    return Condition(code, article, *text, holds, *because, from_when)


def in_period_of_use(code: str, case: RepairCase, today: date) -> Condition:
    """The record still counts (使用期限内)."""
    listing = case.listing
    if listing.state in _ENDED or (listing.last_day is not None and today > listing.last_day):
        return condition(code, Assessment.NO, Text("The record counts no more.", "该记录已不在使用期限内。"))
    if listing.last_day is None or listing.state is not State.IN_FORCE:
        return condition(code, None, Text("Its last day is not known.", "有效期截止日不明。"))
    because = Text(f"It counts until {listing.last_day}, included.", f"有效期至{listing.last_day}（含当日）。")
    return condition(code, Assessment.YES, because)


def months_elapsed(code: str, since: date | None, months: int, today: date, what: Text) -> Condition:
    """So many months have passed since a day; unknown when the day is not stated."""
    if since is None:
        return condition(code, None, Text(f"The {what.en} is not stated.", f"未说明{what.zh}。"))
    passed = first_day_after(since, months)
    because = Text(
        f"The {what.en} is {since}; {months} months have passed from {passed} on.",
        f"{what.zh}为{since}，自{passed}起满{months}个月。",
    )
    return condition(code, today >= passed, because, None if today >= passed else passed)


def performed(code: str, today: date, *days: date | None) -> Condition:
    """All of these acts were performed (履行), on their days."""
    known = [day for day in days if day is not None]
    if known and max(known) > today:
        because = Text("The day stated lies in the future.", "所述日期晚于今天。")
        return condition(code, Assessment.NO, because, max(known) if len(known) == len(days) else None)
    if len(known) < len(days):
        return condition(code, None, Text("A day of it is not stated.", "未说明相关日期。"))
    return condition(code, Assessment.YES, Text(f"Done on {max(known)}.", f"已于{max(known)}完成。"))


def facts_present(code: str, **facts: bool | None) -> Condition:
    """All of these facts (``texts.FACTS``) are stated to be true."""
    return _facts_are(code, facts, wanted=True)


def bars_absent(code: str, **facts: bool | None) -> Condition:
    """All of these bars (不得予以修复情形) are stated not to exist."""
    return _facts_are(code, facts, wanted=False)


def _facts_are(code: str, facts: dict[str, bool | None], *, wanted: bool) -> Condition:
    against = [FACTS[name] for name, fact in facts.items() if fact is (not wanted)]
    missing = [FACTS[name] for name, fact in facts.items() if fact is None]
    if against:
        en, zh = ("Stated not to be so", "已说明不具备") if wanted else ("Stated to be so", "已说明存在")
        return condition(code, Assessment.NO, _listed(en, zh, against))
    if missing:
        return condition(code, None, _listed("Not stated", "未说明", missing))
    return condition(code, Assessment.YES, Text("Stated.", "已说明。"))


def _listed(en: str, zh: str, facts: list[Text]) -> Text:
    return Text(f"{en}: {', '.join(fact.en for fact in facts)}.", f"{zh}：{'、'.join(fact.zh for fact in facts)}。")


def no_recurrence(
    code: str, since: date, months: int, events: Iterable[tuple[date, bool | None]], today: date
) -> Condition:
    """The months after ``since`` have passed, and none of the events lies in them (未再发生).

    Each event is its day and whether it counts; None: unknown. An event in the period fails the condition
    permanently, so no day is given from which it would be met.
    """
    passed = first_day_after(since, months)
    in_period = [
        (day, counts) for day, counts in events if counts is not False and since < day < passed and day <= today
    ]
    certain = [day for day, counts in in_period if counts]
    if certain:
        because = Text(f"Another was determined on {max(certain)}.", f"其后于{max(certain)}又被认定。")
        return condition(code, Assessment.NO, because)
    if today < passed:
        because = Text(
            f"{months} months after {since} have passed from {passed} on.", f"{since}后，自{passed}起满{months}个月。"
        )
        return condition(code, Assessment.NO, because, None if in_period else passed)
    if in_period:
        because = Text("Another was determined since, and its severity is not rated.", "其后另有未明确程度的失信记录。")
        return condition(code, None, because)
    because = Text(f"None in the {months} months after {since}.", f"{since}后{months}个月内未再发生。")
    return condition(code, Assessment.YES, because)
