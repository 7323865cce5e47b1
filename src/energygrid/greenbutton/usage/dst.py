"""Clock rules of a zone as LocalTimeParameters has them: one word of 32 bits for each change of the year.

Bits 28-31 month, 25-27 operator, 20-24 day of the month, 17-19 day of the week (Monday 1 to Sunday 7), 12-16 hour,
0-11 seconds within the hour, on the wall clock just before the change. Source: contracts/greenbutton.md 3.8.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from energygrid.metering.calendar import clock_changes, utc_offset

NONE = "FFFFFFFF"
_ON_DAY, _FROM_DAY, _FIRST, _LAST = 0, 1, 2, 7
_YEARS = 6
"""A rule is one that gives the days of this many years."""
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - a clock on the wall has no zone


@dataclass(frozen=True, slots=True)
class LocalTime:
    """`tz_offset` is standard time's [s east]; `dst_offset` what is added to it in summer [s]."""

    dst_end: str
    dst_offset: int
    dst_start: str
    tz_offset: int


@dataclass(frozen=True, slots=True)
class _Change:
    """A change of the clocks: what they showed just before, and the offsets before and after [s]."""

    wall: datetime
    before: int
    after: int

    @property
    def is_forward(self) -> bool:
        return self.after > self.before


@lru_cache(maxsize=1024)
def local_time(zone: str, year: int) -> LocalTime:
    """The rules in force in a year.

    Where the dates follow no rule of the calendar (Casablanca, by the moon), they are those of that year.
    Raises Invalid UNKNOWN_ZONE.
    """
    changes = _changes(zone)
    forward = [each for each in changes if each.wall.year == year and each.is_forward]
    back = [each for each in changes if each.wall.year == year and not each.is_forward]
    if not forward or not back:
        last_day = int(datetime(year, 12, 31, tzinfo=UTC).timestamp())
        return LocalTime(NONE, 0, NONE, utc_offset(last_day, zone))
    start, end = forward[-1], back[-1]
    return LocalTime(_word(end, changes), start.after - start.before, _word(start, changes), start.before)


def _changes(zone: str) -> list[_Change]:
    columns = (column.tolist() for column in clock_changes(zone))
    return [
        _Change(_EPOCH + timedelta(seconds=at + before), before, after)
        for at, before, after in zip(*columns, strict=True)
    ]


def _word(change: _Change, changes: list[_Change]) -> str:
    """The rule that gives this change and its like of the next years."""
    wall = change.wall
    days = [
        each.wall.date()
        for each in changes
        if each.is_forward == change.is_forward
        and each.wall.month == wall.month
        and 0 <= each.wall.year - wall.year < _YEARS
    ]
    weekday = wall.isoweekday()
    if len(days) < _YEARS or any(day.isoweekday() != weekday for day in days):
        return _packed(wall, _ON_DAY, wall.day, 0)
    if all((day + timedelta(days=7)).month != day.month for day in days):
        return _packed(wall, _LAST, 0, weekday)
    places = {(day.day - 1) // 7 for day in days}
    if len(places) == 1:
        return _packed(wall, _FIRST + places.pop(), 0, weekday)
    first = min(day.day for day in days)
    if max(day.day for day in days) < first + 7:
        return _packed(wall, _FROM_DAY, first, weekday)
    return _packed(wall, _ON_DAY, wall.day, 0)


def _packed(wall: datetime, operator: int, day: int, weekday: int) -> str:
    seconds = wall.minute * 60 + wall.second
    return f"{wall.month << 28 | operator << 25 | day << 20 | weekday << 17 | wall.hour << 12 | seconds:08X}"
