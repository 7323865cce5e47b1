"""LocalTimeParameters read back into a clock: what the local day of an instant is.

A rule for the change of the clock is 32 bits, most significant first: month (4), operator (3), day of the month (5),
day of the week (3, Monday 1), hour (5), seconds within the hour (12). Operators: 0 on that day of the month; 1 the
first such weekday on or after it; 2 to 6 the first to fifth such weekday; 7 the last. The hour is of the clock before.
Source: contracts/greenbutton.md 3.8.
"""

from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from energygrid.greenbutton.check.document import Entry

DAY_S = 86_400
NEVER = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Change:
    """When the clock changes each year, in wall time."""

    month: int
    operator: int
    day: int
    weekday: int
    second: int

    def in_year(self, year: int) -> int:
        """Wall seconds since 1970, as if the wall clock were UTC. Raises ValueError where the rule names no day."""
        midnight = datetime(year, self.month, self._day(year), tzinfo=UTC)
        return int(midnight.timestamp()) + self.second

    def _day(self, year: int) -> int:
        last = monthrange(year, self.month)[1]
        if self.operator == 0:
            return self.day
        first = (self.weekday - date(year, self.month, 1).isoweekday()) % 7 + 1
        if self.operator == 7:
            return first + (last - first) // 7 * 7
        if self.operator == 1:
            return self.day + (self.weekday - date(year, self.month, self.day).isoweekday()) % 7
        return first + 7 * (self.operator - 2)


@dataclass(frozen=True, slots=True)
class LocalTime:
    """`offset`: standard time from UTC, in seconds; `saving`: what is added while `begin` to `end` lasts."""

    offset: int
    saving: int
    begin: Change | None
    end: Change | None

    def offset_at(self, instant: int) -> int:
        """Seconds from UTC at an instant."""
        if not self.saving or self.begin is None or self.end is None:
            return self.offset
        year = (datetime.fromtimestamp(instant, UTC) + timedelta(seconds=self.offset)).year
        on = self.begin.in_year(year) - self.offset
        off = self.end.in_year(year) - self.offset - self.saving
        summer = on <= instant < off if on < off else not off <= instant < on
        return self.offset + (self.saving if summer else 0)

    def is_midnight(self, instant: int) -> bool:
        return (instant + self.offset_at(instant)) % DAY_S == 0

    def day_length(self, midnight: int) -> int:
        """Seconds of the local day that starts at an instant."""
        next_day = midnight + self.offset_at(midnight) + DAY_S
        length = next_day - self.offset_at(next_day - self.offset - self.saving) - midnight
        if self.is_midnight(midnight + length):
            return length
        return next_day - self.offset - midnight


def local_time(entry: Entry) -> LocalTime:
    """Raises ValueError, with a sentence, when the parameters say nothing that can be."""
    offset, saving = entry.integer("tzOffset"), entry.integer("dstOffset")
    if offset is None or saving is None:
        raise ValueError("tzOffset or dstOffset is not a whole number of seconds")
    if not -14 * 3600 <= offset <= 14 * 3600 or offset % 900:
        raise ValueError(f"no clock is {offset} s from UTC (tzOffset)")
    if not 0 <= saving <= 7200:
        raise ValueError(f"no clock is put forward by {saving} s (dstOffset)")
    return LocalTime(offset, saving, _change("dstStartRule", entry), _change("dstEndRule", entry))


def _change(name: str, entry: Entry) -> Change | None:
    text = entry.text(name) or ""
    try:
        word = int(text, 16)
    except ValueError:
        raise ValueError(f"{name} is {text[:20]!r}, not eight hexadecimal digits") from None
    if word == NEVER:
        return None
    if len(text) != 8:
        raise ValueError(f"{name} has {len(text)} hexadecimal digits instead of 8")
    change = Change(
        word >> 28, word >> 25 & 7, word >> 20 & 31, word >> 17 & 7, (word >> 12 & 31) * 3600 + (word & 0xFFF)
    )
    try:
        change.in_year(2024)
    except ValueError:
        raise ValueError(f"{name} {text} names no day of a year") from None
    if change.second > DAY_S or (change.operator and not change.weekday):
        raise ValueError(f"{name} {text} names no time of a day of the week")
    return change
