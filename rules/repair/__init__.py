"""Whether a listing may be repaired (信用修复), explained condition by condition. No answer grants a repair.

    RepairCase ─┬▶ huaian    办法一 Art. 18, 办法二 Art. 31 ─┐
                └▶ national  令第36号                        ├▶ answer ─▶ RepairAnswer
                     (both built of conditions)             ─┘

    case         the question and the answer
    answer       ``repair_answer``: all sets of rules, and which of them governs
    huaian       the conditions of the city's two measures
    national     the conditions of the national order
    conditions   the kinds of condition
    spans        periods of months
    texts        the texts of conditions and facts, English and Chinese

May import ``rules.listings`` and the root modules.
"""
