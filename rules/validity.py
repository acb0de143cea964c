"""How long a listing counts (办法二 Art. 27).

From the day of determination, one year for a general discredit and three for a severe or unrated one;
the last day is included. At 00:00 in Beijing on the day after, it "不得再作为惩戒依据".
"""

from datetime import date

from rules.calendar import years_after
from rules.faults import InvalidRecord
from rules.vocabulary import ListColour, Severity

_YEARS = {Severity.GENERAL: 1, Severity.SERIOUS: 3, Severity.SEVERE: 3, Severity.UNSPECIFIED: 3}


def last_valid_day(colour: ListColour, severity: Severity, determined_on: date, stated_end: date | None) -> date | None:
    """The last day on which the listing counts, or None for a red listing without a stated end.

    A stated end may shorten the legal period but not lengthen it. Raises ``InvalidRecord`` when the
    end precedes the determination, or when a serious (较重) record states none.
    """
    if stated_end is not None and stated_end < determined_on:
        raise InvalidRecord("validity_reversed", path="$.valid_until")
    if colour is ListColour.RED:
        return stated_end
    if severity is Severity.SERIOUS and stated_end is None:
        raise InvalidRecord("validity_missing", path="$.valid_until")
    legal_end = years_after(determined_on, _YEARS[severity])
    return legal_end if stated_end is None else min(stated_end, legal_end)


def in_force(last_day: date | None, today: date) -> bool:
    """Whether a listing counts today (a civil day in Asia/Shanghai)."""
    return last_day is None or today <= last_day
