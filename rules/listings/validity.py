"""How long a listing counts (有效期, 办法二 Art. 27).

From the day of determination, one year for a general discredit and three for a severe or unrated one; the last day
is included. From 00:00 in Beijing on the day after, it "不得再作为惩戒依据".
"""

from dataclasses import dataclass
from datetime import date, timedelta

from rules.calendar import years_after
from rules.faults import InvalidRecordError
from rules.records.feed_record import ListRecord
from rules.vocabulary import BasisKind, ListColour, Severity

_YEARS = {Severity.GENERAL: 1, Severity.SERIOUS: 3, Severity.SEVERE: 3, Severity.UNSPECIFIED: 3}
_PERMITS_LONGER = (BasisKind.LAW, BasisKind.REGULATION, BasisKind.RULE)
NO_END_YEAR = 2099
"""From this year on, an end is a way of writing 长期 (no end)."""


@dataclass(frozen=True, slots=True)
class Validity:
    """The last day on which a record counts, and how it was determined."""

    last_day: date | None
    """None for a red listing without a stated end, and while ``held``."""
    flags: tuple[str, ...] = ()
    """``end_by_law``, ``end_capped``, ``end_not_for_ever``, ``end_stated_twice``."""
    held: bool = False
    """True for a serious (较重) record without an end: the law gives it no period, so it is not applied."""


def validity_of(record: ListRecord) -> Validity:
    """How long the record counts.

    A stated end may shorten the legal period. It lengthens it only where a law, a regulation or a rule is cited
    (办法二 Art. 27; a normative document is not enough, although 办法一 Art. 12 names it). Where an end is stated
    both as last day and as day of removal, the earlier counts.

    Raises ``InvalidRecordError`` when the end precedes the determination.
    """
    end, flags = _stated_end(record)
    if end is not None and end < record.determined_on:
        raise InvalidRecordError("validity_reversed", path="$.valid_until")
    if record.list is ListColour.RED:
        return Validity(end, flags)
    if end is None and record.severity is Severity.SERIOUS:
        return Validity(None, flags, held=True)
    legal_end = years_after(record.determined_on, _YEARS[record.severity])
    if end is None:
        return Validity(legal_end, (*flags, "end_by_law"))
    cited = record.validity_basis is not None and record.validity_basis.kind in _PERMITS_LONGER
    if end > legal_end and not cited:
        return Validity(legal_end, (*flags, "end_capped"))
    return Validity(end, flags)


def _stated_end(record: ListRecord) -> tuple[date | None, tuple[str, ...]]:
    """The last day that the authority stated, itself or by the day of removal (移出日期, 办法一 Art. 8), with flags."""
    stated = [] if record.valid_until is None else [record.valid_until]
    if record.removed_on is not None:
        stated.append(record.removed_on - timedelta(days=1))
    finite = [day for day in stated if day.year < NO_END_YEAR]
    flags: tuple[str, ...] = () if len(finite) == len(stated) else ("end_not_for_ever",)
    if len(set(finite)) > 1:
        flags += ("end_stated_twice",)
    return min(finite, default=None), flags


def in_force(last_day: date | None, today: date) -> bool:
    """Whether a listing with that last day counts today (a civil day in Asia/Shanghai)."""
    return last_day is None or today <= last_day
