"""Which price of a time-of-use rate holds in each hour of each day, and where none or several do."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from energygrid.billing.rates import DayType, Rate, TouPeriod
from energygrid.metering.calendar import date_of, day_number, weekdays
from energygrid.metering.readings import Bools, Int16s, Int64s, UInt8s

GAP: Final = -1
OVERLAP: Final = -2

_TYPES = tuple(DayType)
_HOURS = 24
_YEAR_DAYS = 366
_MOST_DAYS = 10 * _YEAR_DAYS

Code = Literal["TOU_GAP", "TOU_OVERLAP"]


@dataclass(frozen=True, slots=True)
class Finding:
    """Hours `start_hour` to `end_hour` (excluded) on `days` days of a kind, from the first to the last of them."""

    code: Code
    day_type: DayType
    start_hour: int
    end_hour: int
    first_date: date
    last_date: date
    days: int


def day_types(days: Int64s, holidays: Sequence[date]) -> UInt8s:
    """Position of each local day's type in `DayType`."""
    types = np.where(weekdays(days) >= 5, 1, 0).astype(np.uint8)
    types[np.isin(days, [day_number(day) for day in holidays])] = 2
    return types


def price_table(rate: Rate, days: Int64s) -> Int16s:
    """Position in `rate.tou` of the price for every hour of every day.

    days  (d,) local days
    Returns (d, 24); GAP where no price holds, OVERLAP where more than one does.
    """
    types = day_types(days, rate.holidays)
    table = np.full((len(days), _HOURS), GAP, np.int16)
    count = np.zeros((len(days), _HOURS), np.int16)
    for position, period in enumerate(rate.tou):
        wanted = [_TYPES.index(kind) for kind in period.day_types]
        on = np.isin(types, wanted) & _in_season(period, days)
        hours = np.zeros(_HOURS, np.bool_)
        hours[period.hours] = True
        cells = on[:, None] & hours
        table[cells] = position
        count += cells
    table[count > 1] = OVERLAP
    return table


def _in_season(period: TouPeriod, days: Int64s) -> Bools:
    first, last = period.rate_start, period.rate_end
    if first is None or last is None:
        return np.ones(len(days), np.bool_)
    if len(first) > len("MM-DD"):
        low, high = (day_number(date.fromisoformat(text)) for text in (first, last))
        return (days >= low) & (days <= high)
    dates = days.astype("M8[D]")
    months = dates.astype("M8[M]")
    in_year = (months.astype(np.int64) % 12 + 1) * 100 + (dates - months.astype("M8[D]")).astype(np.int64) + 1
    low, high = (int(text[:2]) * 100 + int(text[3:]) for text in (first, last))
    after, before = in_year >= low, in_year <= high
    on: Bools = after & before if low <= high else after | before
    return on


def check(rate: Rate) -> list[Finding]:
    """Hours of the rate's validity without exactly one price; an open validity is looked at for a year or more.

    The year is stretched to the last date that the rate names, up to ten years.
    """
    if not rate.tou:
        return []
    first = day_number(rate.valid_from)
    if rate.valid_to is not None:
        end = day_number(rate.valid_to) + 1
    else:
        ends = [period.rate_end for period in rate.tou if period.rate_end and len(period.rate_end) > len("MM-DD")]
        named = [*map(date.fromisoformat, ends), *rate.holidays]
        end = max([first + _YEAR_DAYS, *(day_number(day) + 1 for day in named)])
    days = np.arange(first, min(end, first + _MOST_DAYS))
    types = day_types(days, rate.holidays)
    faults = np.minimum(price_table(rate, days), 0)
    rows = np.column_stack((types.astype(np.int16), faults))
    patterns, which = np.unique(rows, axis=0, return_inverse=True)
    found: list[Finding] = []
    for number, pattern in enumerate(patterns):
        held = days[which.reshape(-1) == number]
        found += _of_pattern(_TYPES[pattern[0]], pattern[1:], held)
    return sorted(found, key=lambda f: (f.code, f.first_date, f.day_type, f.start_hour))


def _of_pattern(day_type: DayType, hours: NDArray[np.int16], days: Int64s) -> list[Finding]:
    """One finding for each run of hours with the same fault."""
    first, last = (date_of(int(day)) for day in (days[0], days[-1]))
    edges = [0, *(np.flatnonzero(np.diff(hours)) + 1).tolist(), _HOURS]
    return [
        Finding("TOU_GAP" if hours[start] == GAP else "TOU_OVERLAP", day_type, start, end, first, last, len(days))
        for start, end in pairwise(edges)
        if hours[start] < 0
    ]
