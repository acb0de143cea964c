"""Whether a listing may be repaired: an explained answer for people. The gateway itself grants no repair.

Each set of rules is answered separately, with all of its conditions. 办法一 Art. 18 governs a black list decision,
办法二 Art. 31 every other record; under the national regime the order governs, and the city's two are shown beside
it. Both of the city's apply to a black list decision; where their answers differ, the answer is marked
``REPAIR_RULE_CONFLICT``, because software cannot decide which of them yields.
"""

from collections.abc import Sequence
from datetime import date

from rules.repair.case import Assessment, Condition, Regime, RepairAnswer, RepairCase, RuleSetAnswer
from rules.repair.huaian import black_list_exit_conditions, discredit_repair_conditions
from rules.repair.national import national_order_conditions

REPAIR_RULE_CONFLICT = "REPAIR_RULE_CONFLICT"
J18, G31, NDRC36 = "J18", "G31", "NDRC36"


def repair_answer(case: RepairCase, *, regime: Regime, today: date) -> RepairAnswer:
    """Whether the conditions of repair are met on that day in Beijing, which of them decide, and the earliest day.

    The application to the authority, its opinion and five working days of publicity follow in any case (办法一
    Art. 19, 办法二 Art. 32).
    """
    black = case.listing.on_black_list
    exit_answer = _rule_set_answer(J18, black_list_exit_conditions(case, today), case, applies=black)
    general = _rule_set_answer(G31, discredit_repair_conditions(case, today), case)
    conflict = black and exit_answer.eligible is not general.eligible
    answers, governing = [exit_answer, general], J18 if black else G31
    if regime is Regime.NDRC36:
        answers.insert(0, _rule_set_answer(NDRC36, national_order_conditions(case, today), case))
        governing = NDRC36
    return RepairAnswer(
        regime=regime,
        asked_on=today,
        governing=governing,
        eligible=next(answer.eligible for answer in answers if answer.code == governing),
        conflict=conflict,
        codes=(REPAIR_RULE_CONFLICT,) if conflict else (),
        note_en="This grants no repair: the providing authority decides, and publishes its opinion for 5 working days.",
        note_zh="本结果不构成信用修复：由信息提供单位作出书面意见，并公示5个工作日。",
        measures=tuple(answers),
    )


def _rule_set_answer(
    code: str, conditions: Sequence[Condition], case: RepairCase, *, applies: bool = True
) -> RuleSetAnswer:
    unmet = [each for each in conditions if each.holds is Assessment.NO]
    unknown = [each for each in conditions if each.holds is Assessment.UNKNOWN]
    eligible = Assessment.NO if unmet else Assessment.UNKNOWN if unknown else Assessment.YES
    waits = [each.from_when for each in unmet if each.from_when is not None]
    only_time = bool(unmet) and not unknown and len(waits) == len(unmet)
    last_day = case.listing.last_day
    too_late = only_time and last_day is not None and max(waits) > last_day
    return RuleSetAnswer(
        code=code,
        applies=applies,
        eligible=eligible,
        deciding=tuple(each.code for each in unmet or unknown or conditions),
        earliest=max(waits) if only_time and not too_late else None,
        too_late=too_late,
        conditions=tuple(conditions),
    )
