"""May this listing be repaired? An explained answer for people; the gateway itself grants no repair.

Each set of rules is asked by itself and shown with all its conditions. A black list decision is governed by
办法一 Art. 18, every other record by 办法二 Art. 31; under the national regime the order governs, and the
city's two rules are shown beside it. Both of these apply to a black list decision; where they answer it
differently, the answer is marked ``REPAIR_RULE_CONFLICT``: which of them yields is not for software to say.
"""

from collections.abc import Sequence
from datetime import date

from rules.repair.case import Condition, Holds, Measure, Regime, RepairAnswer, RepairCase
from rules.repair.huaian import leaving_the_black_list, repairing_any_discredit
from rules.repair.national import national_order

REPAIR_RULE_CONFLICT = "REPAIR_RULE_CONFLICT"
J18, G31, NDRC36 = "J18", "G31", "NDRC36"


def repair_answer(case: RepairCase, *, regime: Regime, today: date) -> RepairAnswer:
    """Whether the conditions of repair are met on that day in Beijing, which decide, and from when they could be.

    Applying to the authority, its opinion and five working days of publicity follow in any case (办法一 Art. 19).
    """
    black = case.listing.on_black_list
    leaving = _measure(J18, leaving_the_black_list(case, today), case, applies=black)
    general = _measure(G31, repairing_any_discredit(case, today), case)
    conflict = black and leaving.eligible is not general.eligible
    measures, governing = [leaving, general], J18 if black else G31
    if regime is Regime.NDRC36:
        measures.insert(0, _measure(NDRC36, national_order(case, today), case))
        governing = NDRC36
    return RepairAnswer(
        regime=regime,
        asked_on=today,
        governing=governing,
        eligible=next(measure.eligible for measure in measures if measure.code == governing),
        conflict=conflict,
        codes=(REPAIR_RULE_CONFLICT,) if conflict else (),
        note_en="This grants no repair: the providing authority decides, and publishes its opinion for 5 working days.",
        note_zh="本结果不构成信用修复：由信息提供单位作出书面意见，并公示5个工作日。",
        measures=tuple(measures),
    )


def _measure(code: str, conditions: Sequence[Condition], case: RepairCase, *, applies: bool = True) -> Measure:
    unmet = [each for each in conditions if each.holds is Holds.NO]
    unknown = [each for each in conditions if each.holds is Holds.UNKNOWN]
    eligible = Holds.NO if unmet else Holds.UNKNOWN if unknown else Holds.YES
    waits = [each.from_when for each in unmet if each.from_when is not None]
    only_time = bool(unmet) and not unknown and len(waits) == len(unmet)
    last_day = case.listing.last_day
    too_late = only_time and last_day is not None and max(waits) > last_day
    return Measure(
        code=code,
        applies=applies,
        eligible=eligible,
        deciding=tuple(each.code for each in unmet or unknown or conditions),
        earliest=max(waits) if only_time and not too_late else None,
        too_late=too_late,
        conditions=tuple(conditions),
    )
