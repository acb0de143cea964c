"""Working days (工作日), and the deadlines that the measures count in them.

A working day is a weekday that the State Council's yearly notice does not declare a holiday, or a weekend day that it
declares a working day (调休上班). The notice for a year appears in October or November of the year before. Until its
table is loaded, the year is counted by weekends alone, and every answer that rests on it is ``provisional``.

The day on which a period begins is not counted; it ends with its last day, at 24:00 in Beijing (民法典 Art. 201).
"""

from collections.abc import Iterable, Iterator
from datetime import date
from hashlib import sha256
from itertools import chain
from typing import NamedTuple

import msgspec
from msgspec import Struct

_SATURDAY = 5

PUSH_WORKING_DAYS = 7
"""推送 to the city's platform, after determination (办法一 Art. 9)."""
REVIEW_WORKING_DAYS = 10
"""审核, after receipt of an objection (办法一 Art. 16, 办法二 Art. 29)."""
VERIFY_WORKING_DAYS = 5
"""核实 by the authority that provided it, within the review (办法一 Art. 16, 办法二 Art. 29)."""
CORRECTION_WORKING_DAYS = 3
"""更正, once the record is verified to be wrong (办法一 Art. 16, 办法二 Art. 29)."""
PUBLICITY_WORKING_DAYS = 5
"""公示 of a repair opinion (办法一 Art. 19, 办法二 Art. 32)."""


class HolidayYear(Struct, frozen=True, forbid_unknown_fields=True):
    """What the notice changes in one year. Raises ``ValueError`` for a day that needs no change."""

    year: int
    source: str
    """The notices, by title and document number."""
    holidays: tuple[date, ...]
    """Weekdays that are holidays; weekends need not be named."""
    make_up_days: tuple[date, ...]
    """Weekend days that are working days (调休上班)."""

    def __post_init__(self) -> None:
        for day in chain(self.holidays, self.make_up_days):
            if day.year != self.year:
                raise ValueError(f"{day} is not in {self.year}")
        for day in self.holidays:
            if _is_weekend(day):
                raise ValueError(f"{day} is a weekend day and off already")
        for day in self.make_up_days:
            if not _is_weekend(day):
                raise ValueError(f"{day} is a weekday and worked already")


class Deadline(NamedTuple):
    """The last day of a period, which still belongs to it."""

    day: date
    provisional: bool
    """True when a counted day lies in a year without a table: it must be counted again once the table is published."""


class WorkingDayCount(NamedTuple):
    """How many working days lie in a span."""

    days: int
    provisional: bool


_CACHED_DEADLINES = 1000
"""The same few deadlines, counted from today, are needed repeatedly."""


class WorkingDays:
    """The working days of the years whose tables are given. Raises ``ValueError`` for a year given twice."""

    def __init__(self, years: Iterable[HolidayYear]) -> None:
        tables = sorted(years, key=lambda table: table.year)
        self._years = frozenset(table.year for table in tables)
        if len(self._years) != len(tables):
            raise ValueError("a year has two tables")
        self._off = frozenset(chain.from_iterable(table.holidays for table in tables))
        self._worked = frozenset(chain.from_iterable(table.make_up_days for table in tables))
        self._deadlines: dict[tuple[date, int], Deadline] = {}
        self.version = sha256(msgspec.json.encode(tables)).hexdigest()[:16]
        """Digest of all tables: equal versions count equal days."""

    def is_working_day(self, day: date) -> bool:
        """Whether that day is a working day."""
        return day in self._worked or (not _is_weekend(day) and day not in self._off)

    def is_provisional(self, day: date) -> bool:
        """Whether the year of that day has no table."""
        return day.year not in self._years

    def after(self, day: date, n: int) -> Deadline:
        """The ``n``-th working day after ``day``, which itself is not counted. Raises ``ValueError`` below 1.

        Beyond the end of the calendar it is 9999-12-31.
        """
        found = self._deadlines.get((day, n))
        if found is None:
            if len(self._deadlines) >= _CACHED_DEADLINES:
                self._deadlines.clear()
            found = self._deadlines[day, n] = self._count(day, n)
        return found

    def _count(self, day: date, n: int) -> Deadline:
        if n < 1:
            raise ValueError("a period has at least one working day")
        provisional = False
        for candidate in _days_after(day, date.max):
            provisional = provisional or self.is_provisional(candidate)
            n -= self.is_working_day(candidate)
            if n == 0:
                return Deadline(candidate, provisional)
        return Deadline(date.max, provisional=True)

    def between(self, start: date, end: date) -> WorkingDayCount:
        """Working days after ``start``, up to ``end`` and including it; none when ``end`` is not later."""
        days, provisional = 0, False
        for candidate in _days_after(start, end):
            provisional = provisional or self.is_provisional(candidate)
            days += self.is_working_day(candidate)
        return WorkingDayCount(days, provisional)


class ObjectionDeadlines(NamedTuple):
    """By when an objection is reviewed (审核) and verified (核实)."""

    review_by: Deadline
    verify_by: Deadline


def objection_deadlines(
    received_on: date, working_days: WorkingDays, sent_on: date | None = None
) -> ObjectionDeadlines:
    """The deadlines of an objection received on that day (办法一 Art. 16, 办法二 Art. 29).

    Verification runs from the day on which the objection was sent to the authority; when that is unknown, from the
    day of receipt, the strictest reading. It is part of the review and never ends later.
    """
    review = working_days.after(received_on, REVIEW_WORKING_DAYS)
    verify = working_days.after(sent_on or received_on, VERIFY_WORKING_DAYS)
    return ObjectionDeadlines(review_by=review, verify_by=min(verify, review))


def correction_deadline(verified_on: date, working_days: WorkingDays) -> Deadline:
    """By when a record verified to be wrong is corrected and published (更正发布, 办法一 Art. 16, 办法二 Art. 29)."""
    return working_days.after(verified_on, CORRECTION_WORKING_DAYS)


def push_deadline(determined_on: date, working_days: WorkingDays) -> Deadline:
    """By when a determination reaches the platform (办法一 Art. 9).

    The article does not say from when; it is counted from determination, the strictest reading.
    """
    return working_days.after(determined_on, PUSH_WORKING_DAYS)


def publicity_end(publicity_from: date, working_days: WorkingDays) -> Deadline:
    """The last day of the publicity of a repair (办法一 Art. 19, 办法二 Art. 32).

    The day of publication is not counted, even when it is a working day (民法典 Art. 201): a publicity that starts on
    a Monday ends with the next Monday. An objection on the last day is still in time.
    """
    return working_days.after(publicity_from, PUBLICITY_WORKING_DAYS)


def _is_weekend(day: date) -> bool:
    return day.weekday() >= _SATURDAY


def _days_after(start: date, end: date) -> Iterator[date]:
    return map(date.fromordinal, range(start.toordinal() + 1, end.toordinal() + 1))
