"""Working days (工作日), and the clocks that the measures count in them.

A working day is a weekday on which the State Council's yearly notice gives nobody off, or a weekend day that
it has worked instead (调休上班). The notice for a year comes in October or November of the year before; until
its table is here, the year is counted by weekends alone and every answer that rests on it is ``provisional``.

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

PUSH_DAYS = 7
"""To the city's platform, after determination (办法一 Art. 9)."""
REVIEW_DAYS = 10
"""审核, after receipt of an objection (办法一 Art. 16, 办法二 Art. 29)."""
VERIFY_DAYS = 5
"""核实 by the authority that provided it, within the review (办法一 Art. 16, 办法二 Art. 29)."""
CORRECT_DAYS = 3
"""更正, once the record is verified to be wrong (办法一 Art. 16, 办法二 Art. 29)."""
PUBLICITY_DAYS = 5
"""公示 of a repair opinion (办法一 Art. 19, 办法二 Art. 32)."""


class HolidayYear(Struct, frozen=True, forbid_unknown_fields=True):
    """What the notice changes about one year. Raises ``ValueError`` for a day that it could not change."""

    year: int
    source: str
    """The notices, by title and number."""
    holidays: tuple[date, ...]
    """Weekdays off; weekends are off without being named."""
    make_up_days: tuple[date, ...]
    """Weekend days worked."""

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
    """The last day of a period, included."""

    day: date
    provisional: bool
    """True when a day counted lies in a year without a table: to be counted again once it is published."""


class WorkingDayCount(NamedTuple):
    """How many working days lie in a span."""

    days: int
    provisional: bool


_REMEMBERED = 1000
"""Deadlines: few are asked for again and again, today's."""


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
        """Digest of all tables: the same days counted, the same version."""

    def is_working_day(self, day: date) -> bool:
        """Whether offices work on that day."""
        return day in self._worked or (not _is_weekend(day) and day not in self._off)

    def is_provisional(self, day: date) -> bool:
        """Whether the day's year has no table."""
        return day.year not in self._years

    def after(self, day: date, n: int) -> Deadline:
        """The ``n``-th working day after ``day``, which itself is not counted. Raises ``ValueError`` below 1.

        Past the end of the calendar it is 9999-12-31.
        """
        found = self._deadlines.get((day, n))
        if found is None:
            if len(self._deadlines) >= _REMEMBERED:
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


class ObjectionClock(NamedTuple):
    """By when an objection is to be dealt with."""

    review_by: Deadline
    verify_by: Deadline


def objection_clock(received_on: date, working_days: WorkingDays, sent_on: date | None = None) -> ObjectionClock:
    """The clocks of an objection received that day (办法一 Art. 16, 办法二 Art. 29).

    Verification runs from the day it was sent to the authority; the day of receipt stands for that when it is
    not known, as the strictest. It lies inside the review and never ends later.
    """
    review = working_days.after(received_on, REVIEW_DAYS)
    verify = working_days.after(sent_on or received_on, VERIFY_DAYS)
    return ObjectionClock(review_by=review, verify_by=min(verify, review))


def correction_deadline(verified_on: date, working_days: WorkingDays) -> Deadline:
    """By when a record verified to be wrong is corrected and published (办法一 Art. 16, 办法二 Art. 29)."""
    return working_days.after(verified_on, CORRECT_DAYS)


def push_deadline(determined_on: date, working_days: WorkingDays) -> Deadline:
    """By when a determination reaches the platform (办法一 Art. 9).

    The article does not say from when; from determination, as the strictest.
    """
    return working_days.after(determined_on, PUSH_DAYS)


def publicity_end(publicity_from: date, working_days: WorkingDays) -> Deadline:
    """The last day of the publicity of a repair (办法一 Art. 19, 办法二 Art. 32).

    The day of publication is not counted, even when it is a working day (民法典 Art. 201): published on a
    Monday, it ends with the Monday after. An objection on the last day is still in time.
    """
    return working_days.after(publicity_from, PUBLICITY_DAYS)


def _is_weekend(day: date) -> bool:
    return day.weekday() >= _SATURDAY


def _days_after(start: date, end: date) -> Iterator[date]:
    return map(date.fromordinal, range(start.toordinal() + 1, end.toordinal() + 1))
