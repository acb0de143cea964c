"""Periods of months (民法典 Art. 201 to 203).

A period begins on the day after its event and ends on the corresponding day, at 24:00. It has *passed* from the day
after that: six months after 23 May have passed on 24 November.
"""

from calendar import monthrange
from collections.abc import Iterable
from datetime import date, timedelta


def months_after(day: date, months: int) -> date:
    """The corresponding day, or the last of a shorter month (民法典 Art. 202); 9999-12-31 at the latest."""
    years, month = divmod(day.month - 1 + months, 12)
    year = day.year + years
    if year > date.max.year:
        return date.max
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def first_day_after(day: date, months: int) -> date:
    """The first day on which that many months after ``day`` have passed."""
    last = months_after(day, months)
    return last if last == date.max else last + timedelta(days=1)


def days_within(days: Iterable[date], months: int, today: date) -> list[date]:
    """The days that lie less than that many months before today, latest first."""
    return sorted((day for day in days if day <= today < first_day_after(day, months)), reverse=True)
