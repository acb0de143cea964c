"""Civil days in Asia/Shanghai, and conversions of moments. The caller passes in the clock."""

from datetime import date, datetime, timedelta, timezone

SHANGHAI = timezone(timedelta(hours=8), "Asia/Shanghai")
"""China has had one fixed offset since 1991, and no deadline here reaches back further."""


def civil_day(moment: datetime) -> date:
    """The day in Beijing at that moment, whatever the server's time zone. Raises ``ValueError`` without a zone."""
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
    """The moment in Beijing at which that day is over: 24:00."""
    return datetime(day.year, day.month, day.day, tzinfo=SHANGHAI) + timedelta(days=1)


def rfc3339(moment: datetime) -> str:
    """A moment in Beijing time as RFC 3339, with milliseconds and offset."""
    return moment.astimezone(SHANGHAI).isoformat(timespec="milliseconds")


def from_milliseconds(milliseconds: int) -> datetime:
    """The moment, in Beijing time, of stored milliseconds since 1970 (UTC)."""
    return datetime.fromtimestamp(milliseconds / 1000, SHANGHAI)


def to_milliseconds(moment: datetime) -> int:
    """The stored form of a moment: milliseconds since 1970 (UTC)."""
    return round(moment.timestamp() * 1000)
