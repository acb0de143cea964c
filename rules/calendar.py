"""Days as the law counts them: civil days in Asia/Shanghai, from the clock that the caller passes in."""

from datetime import date, datetime, timedelta, timezone

SHANGHAI = timezone(timedelta(hours=8), "Asia/Shanghai")
"""China has had one fixed offset since 1991; no deadline here reaches back further."""


def civil_day(moment: datetime) -> date:
    """The day in Beijing at that moment, wherever the server stands."""
    if moment.tzinfo is None:
        raise ValueError("a moment without a zone has no civil day")
    return moment.astimezone(SHANGHAI).date()


def years_after(day: date, years: int) -> date:
    """The corresponding day; 29 February falls back to the 28th (民法典 Art. 202)."""
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return day.replace(year=day.year + years, day=28)


def end_of_day(day: date) -> datetime:
    """The first moment in Beijing at which that day is over."""
    return datetime(day.year, day.month, day.day, tzinfo=SHANGHAI) + timedelta(days=1)


def rfc3339(moment: datetime) -> str:
    """A moment in Beijing time, milliseconds, with its offset."""
    return moment.astimezone(SHANGHAI).isoformat(timespec="milliseconds")


def from_milliseconds(milliseconds: int) -> datetime:
    """A stored moment (milliseconds since 1970, UTC) with its zone."""
    return datetime.fromtimestamp(milliseconds / 1000, SHANGHAI)


def to_milliseconds(moment: datetime) -> int:
    """A moment as it is stored: milliseconds since 1970, UTC."""
    return round(moment.timestamp() * 1000)
