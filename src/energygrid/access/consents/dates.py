"""Dates that a scope names, as instants."""

from calendar import monthrange
from datetime import UTC, date, datetime, tzinfo
from typing import TypeVar

D = TypeVar("D", bound=date)


def midnight(day: date, zone: tzinfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


def months_before(now: D, months: int) -> D:
    month = now.year * 12 + now.month - 1 - months
    return _with_day(now, month // 12, month % 12 + 1)


def years_after(now: D, years: int) -> D:
    return _with_day(now, now.year + years, now.month)


def _with_day(now: D, year: int, month: int) -> D:
    """The same day of another month, or its last one."""
    return now.replace(year=year, month=month, day=min(now.day, monthrange(year, month)[1]))
