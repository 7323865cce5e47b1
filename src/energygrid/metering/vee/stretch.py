"""A stretch of one series as validation and estimation see it: whole local days on the grid, with wall clocks."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from functools import cached_property

import numpy as np

from energygrid.metering.calendar import day_number, day_starts, local_days, to_local, weekdays
from energygrid.metering.quality import Quality
from energygrid.metering.readings import DAY_S, Bools, Float64s, Int64s, UInt8s

_SATURDAY, _SUNDAY = 5, 6
_UNTRUSTED = (Quality.MISSING, Quality.ESTIMATED, Quality.SUSPECT)


@dataclass
class Stretch:
    """Readings of one series, one an interval, oldest first, from local midnight to local midnight.

    value     (n,) NaN = missing
    own       (n,) values that this platform estimated itself; they stand where nothing was measured
    """

    zone: str
    interval_s: int
    start: Int64s
    value: Float64s
    quality: UInt8s
    own: Bools

    @cached_property
    def end(self) -> Int64s:
        if self.interval_s == DAY_S:
            return day_starts(self.day + 1, self.zone)
        return self.start + self.interval_s

    @cached_property
    def day(self) -> Int64s:
        """Local day of each interval."""
        return local_days(self.start, self.zone)

    @cached_property
    def slot(self) -> Int64s:
        """Which interval of a day of 24 hours the wall clock shows; the passes of a repeated hour share theirs."""
        slot: Int64s = to_local(self.start, self.zone) % DAY_S // self.interval_s
        return slot

    @property
    def slots(self) -> int:
        return DAY_S // self.interval_s

    @property
    def hours(self) -> float:
        return self.interval_s / 3600

    @cached_property
    def unmeasured(self) -> Bools:
        """Missing, or filled by an estimate of our own."""
        return np.isnan(self.value) | self.own

    @cached_property
    def trusted(self) -> Bools:
        """Measured values fit to estimate others from."""
        return ~np.isnan(self.value) & ~np.isin(self.quality, _UNTRUSTED)

    def between(self, start: int, end: int) -> tuple[int, int]:
        """Positions of the intervals that start in `[start, end)`, epoch seconds."""
        low, high = np.searchsorted(self.start, [start, end]).tolist()
        return low, high

    def by_day(self, kept: Bools) -> tuple[Int64s, Float64s]:
        """The local days, and their values by wall clock (days, slots): NaN where not `kept`.

        Of a repeated hour the second pass is taken.
        """
        if not self.start.size:
            return np.zeros(0, np.int64), np.zeros((0, self.slots))
        days = np.arange(self.day[0], self.day[-1] + 1)
        table = np.full((len(days), self.slots), np.nan)
        table[self.day[kept] - days[0], self.slot[kept]] = self.value[kept]
        return days, table


def day_classes(days: Int64s, holidays: Collection[date]) -> Int64s:
    """0 = Monday to Friday, 5 = Saturday, 6 = Sunday or holiday."""
    weekday = weekdays(days)
    classes = np.where(weekday < _SATURDAY, 0, weekday)
    classes[is_holiday(days, holidays)] = _SUNDAY
    return classes


def is_holiday(days: Int64s, holidays: Collection[date]) -> Bools:
    return np.isin(days, np.fromiter((day_number(day) for day in holidays), np.int64, len(holidays)))


def months_of(days: Int64s) -> Int64s:
    """Calendar months of local days, as months since January 1970."""
    months: Int64s = days.astype("M8[D]").astype("M8[M]").astype(np.int64)
    return months
