"""Dates that a scope names, as instants."""

from calendar import monthrange
from datetime import UTC, date, datetime, tzinfo


def midnight(day: date, zone: tzinfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


def months_before(now: datetime, months: int) -> datetime:
    month = now.year * 12 + now.month - 1 - months
    return _with_day(now, month // 12, month % 12 + 1)


def years_after(now: datetime, years: int) -> datetime:
    return _with_day(now, now.year + years, now.month)


def _with_day(now: datetime, year: int, month: int) -> datetime:
    """The same day of another month, or its last one."""
    return now.replace(year=year, month=month, day=min(now.day, monthrange(year, month)[1]))
