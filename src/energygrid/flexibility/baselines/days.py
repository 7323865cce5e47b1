"""Local days, cut into intervals of elapsed time; what a day counts as; and usage laid out over them.

A local day has 23, 24 or 25 hours. Readings are kept in elapsed time, so that a repeated hour is two hours; each
interval knows its slot: the interval of the wall clock it lies in (0 = midnight). Both passes of a repeated hour
have the same slots. Days on which clocks change are never reference days.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property, lru_cache

import holidays as public_holidays
import numpy as np

from energygrid.errors import Invalid
from energygrid.flexibility.baselines.rule_set import Anchor, DayTypes, Holidays, RuleSet, Window
from energygrid.metering.calendar import HOUR_S, Span, date_of, day_number, day_starts, local_days, to_local, weekdays
from energygrid.metering.readings import DAY_S, Bools, Float64s, Int64s

_NERC = ("New Year's Day", "Memorial Day", "Independence Day", "Labor Day", "Thanksgiving Day", "Christmas Day")
_SUNDAY = 6


@dataclass(frozen=True)
class LocalDays:
    """Consecutive local days of one zone (D days, T intervals, S slots a plain day).

    Raises Invalid UNKNOWN_ZONE, INTERVAL_DOES_NOT_FIT when a day of the zone is not made of whole intervals.
    """

    zone: str
    first: date
    last: date
    interval_s: int = 1800

    def __post_init__(self) -> None:
        if self.last < self.first:
            raise ValueError("the last day comes before the first")
        if DAY_S % self.interval_s or np.any(np.diff(self.starts) % self.interval_s):
            message = f"a day in {self.zone} is not made of whole intervals of {self.interval_s} seconds"
            raise Invalid("INTERVAL_DOES_NOT_FIT", message, zone=self.zone, interval_s=self.interval_s)

    @cached_property
    def number(self) -> Int64s:
        """(D,) days since 1970-01-01."""
        return np.arange(day_number(self.first), day_number(self.last) + 1)

    @cached_property
    def starts(self) -> Int64s:
        """(D + 1,) instants of local midnight, the last one is the end."""
        return day_starts(np.append(self.number, self.number[-1] + 1), self.zone)

    @cached_property
    def offset(self) -> Int64s:
        """(D + 1,) position of each day's first interval."""
        offset: Int64s = (self.starts - self.starts[0]) // self.interval_s
        return offset

    @cached_property
    def slot(self) -> Int64s:
        """(T,) slot of each interval."""
        return (to_local(self.instants, self.zone) % DAY_S) // self.interval_s

    @cached_property
    def instants(self) -> Int64s:
        """(T,) start of each interval."""
        return np.arange(self.starts[0], self.starts[-1], self.interval_s)

    @cached_property
    def clock_change(self) -> Bools:
        """(D,) days that do not have 24 hours, or on which clocks are moved and moved back."""
        plain = np.arange(self.slots)
        parts = np.split(self.slot, self.offset[1:-1])
        return np.array([not np.array_equal(part, plain) for part in parts])

    @property
    def slots(self) -> int:
        return DAY_S // self.interval_s

    @property
    def span(self) -> Span:
        return Span.of(int(self.starts[0]), int(self.starts[-1]))

    def local_date(self, index: int) -> date:
        return self.first + timedelta(days=index)

    def index(self, day: date) -> int:
        return (day - self.first).days

    def day_of(self, positions: Int64s) -> Int64s:
        """Index of the day each interval lies in."""
        found: Int64s = np.searchsorted(self.offset, positions, side="right") - 1
        return found

    def positions(self, start: int, end: int) -> Int64s:
        """Intervals of `[start, end)`, instants. Raises Invalid OFF_THE_GRID, ValueError outside of the days."""
        origin = int(self.starts[0])
        if (start - origin) % self.interval_s or (end - origin) % self.interval_s or end <= start:
            message = f"a span starts and ends on whole intervals of {self.interval_s // 60} minutes and is not empty"
            raise Invalid("OFF_THE_GRID", message, start=start, end=end)
        if start < origin or end > self.starts[-1]:
            raise ValueError("the days do not reach over the span: see `LocalDays.around`")
        return np.arange((start - origin) // self.interval_s, (end - origin) // self.interval_s)

    def window(self, window: Window, span: Span) -> Int64s:
        """Intervals of a window of hours around an event."""
        start, end = span.instants()
        anchor = start if window.anchor is Anchor.START else end
        return self.positions(anchor + round(window.from_h * HOUR_S), anchor + round(window.to_h * HOUR_S))

    @classmethod
    def around(cls, zone: str, span: Span, rules: Sequence[RuleSet], interval_s: int = 1800) -> "LocalDays":
        """All days that these rule sets may look at for an event: what has to be read. More days change nothing."""
        start, end = span.instants()
        low, high, lookback = start, end - 1, 0
        for rule in rules:
            for window in (*(rule.adjustment.windows if rule.adjustment else ()), *rule.windows):
                anchor = start if window.anchor is Anchor.START else end
                low = min(low, anchor + round(window.from_h * HOUR_S))
                high = max(high, anchor + round(window.to_h * HOUR_S) - 1)
            lookback = max(lookback, rule.lookback_days)
        first, last = (date_of(day) for day in local_days(np.array([low, high]), zone).tolist())
        return cls(zone, first - timedelta(days=lookback), last, interval_s)


@dataclass(frozen=True)
class Usage:
    """`kwh` (H assets, T intervals) over `days`; NaN: no reading. Kept by rows, one asset after the other."""

    days: LocalDays
    kwh: Float64s

    def __post_init__(self) -> None:
        if self.kwh.ndim != 2 or self.kwh.shape[1] != self.days.offset[-1]:
            raise ValueError(f"usage has one row an asset and {self.days.offset[-1]} intervals")
        object.__setattr__(self, "kwh", np.ascontiguousarray(self.kwh, np.float64))

    def over(self, span: Span) -> Float64s:
        """(H, n) what was used in each interval of a span."""
        return self.kwh[:, self.days.positions(*span.instants())]

    @cached_property
    def totals(self) -> Float64s:
        """(H, D) energy of each day; NaN when a reading is missing."""
        totals: Float64s = np.add.reduceat(self.kwh, self.days.offset[:-1], axis=1)
        return totals


def holidays(jurisdiction: str, first: date, last: date) -> frozenset[date]:
    """Public holidays of `GB-ENG`, `BE`, `US-CA`, ... and of `US-NERC`: the six of the North American grid operators.

    Raises Invalid UNKNOWN_JURISDICTION.
    """
    years = range(first.year, last.year + 1)
    return frozenset(day for year in years for day in _holidays(jurisdiction, year) if first <= day <= last)


@lru_cache(maxsize=256)
def _holidays(jurisdiction: str, year: int) -> frozenset[date]:
    if jurisdiction == "US-NERC":
        found = public_holidays.country_holidays("US", years=year, observed=False)
        days = {day for day, name in found.items() if name in _NERC}
        return frozenset(day + timedelta(days=1) if day.weekday() == _SUNDAY else day for day in days)
    country, _, part = jurisdiction.partition("-")
    try:
        return frozenset(public_holidays.country_holidays(country, subdiv=part or None, years=year))
    except NotImplementedError as error:
        message = (
            f"no calendar of public holidays is known for {jurisdiction!r}: give a country (BE) or a part (GB-SCT)"
        )
        raise Invalid("UNKNOWN_JURISDICTION", message, jurisdiction=jurisdiction) from error


def day_classes(days: LocalDays, types: DayTypes, off: Collection[date]) -> tuple[Int64s, Bools]:
    """(D,) position of each day's class in `types.classes`, and (D,) whether it is a holiday no reference may be."""
    of_weekday = np.empty(7, np.int64)
    for at, kind in enumerate(types.classes):
        of_weekday[list(kind.weekdays)] = at
    classes = of_weekday[weekdays(days.number)]
    is_off = np.isin(days.number, [day_number(day) for day in off])
    if types.holidays is Holidays.IGNORED:
        return classes, np.zeros_like(is_off)
    classes[is_off] = [kind.name for kind in types.classes].index(types.holiday or "")
    return classes, is_off & (types.holidays is Holidays.EXCLUDED)
