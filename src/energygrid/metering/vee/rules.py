"""Rules V02 and V05 to V15 on the readings of one series. Pure and vectorised.

Readings stand in order of time, one an interval, NaN where missing. Each rule returns `Hits`: positions in that order.
"""

import numpy as np

from energygrid.metering.readings import Bools, Float64s, Int64s
from energygrid.metering.vee.findings import Hits, runs


def gaps(missing: Bools) -> Hits:
    """V02: intervals of the grid that have no reading. Measured: how many.

    The grid is that of instants, so that local days have 92, 96 or 100 quarter hours without a rule of their own.
    """
    low, high = runs(missing)
    return Hits(low, high, (high - low).astype(np.float64), np.zeros(len(low)))


def zero_runs(value: Float64s, interval_h: float, at_least_h: float) -> Hits:
    """V05: nothing but zeros for `at_least_h` hours or longer. Measured: hours."""
    low, high = runs(value == 0)
    hours = np.multiply(high - low, interval_h, dtype=np.float64)
    return _long_enough(low, high, hours, at_least_h)


def stuck(value: Float64s, at_least: int) -> Hits:
    """V06: the same value, not zero, for `at_least` intervals or more. Measured: intervals."""
    low, last = runs((value[1:] == value[:-1]) & (value[1:] != 0))
    return _long_enough(low, last + 1, (last + 1 - low).astype(np.float64), at_least)


def prolonged(not_measured: Bools, interval_h: float, longer_than_days: float) -> Hits:
    """V14: estimated or missing for longer than so many days. Measured: days."""
    low, high = runs(not_measured)
    days = np.multiply(high - low, interval_h / 24, dtype=np.float64)
    found = days > longer_than_days
    return Hits(low[found], high[found], days[found], np.full(int(found.sum()), longer_than_days))


def _long_enough(low: Int64s, high: Int64s, length: Float64s, at_least: float) -> Hits:
    found = length >= at_least
    return Hits(low[found], high[found], length[found], np.full(int(found.sum()), float(at_least)))


def spikes(value: Float64s, day: Int64s, ratio: float, floor: float) -> Hits:
    """V07: intervals above the day's third-highest by more than `ratio` of it, and above `floor`. Measured: the value.

    value (n,), day (n,) local day of each interval, never decreasing. At most two intervals of a day are above its
    third; a day with fewer than three readings says nothing.
    Source: (highest - third highest) / third highest per day, powerbox.md 4.7.
    """
    third = _third_highest(value, day)
    limit = np.maximum(third * (1 + ratio), floor)
    at = np.flatnonzero(value > limit)
    return Hits(at, at + 1, value[at], limit[at])


def _third_highest(value: Float64s, day: Int64s) -> Float64s:
    """Of the day of each interval; +inf where the day has fewer than three readings."""
    if not value.size:
        return value
    begins = np.concatenate(([0], np.flatnonzero(np.diff(day)) + 1))
    count = np.diff(np.append(begins, len(day)))
    days = np.full((len(begins), max(3, int(count.max()))), -np.inf)
    row = np.repeat(np.arange(len(begins)), count)
    days[row, np.arange(len(day)) - begins[row]] = np.where(np.isnan(value), -np.inf, value)
    third = np.partition(days, -3, axis=1)[:, -3]
    return np.where(third == -np.inf, np.inf, third)[row]


def above_cap(value: Float64s, cap: float) -> Hits:
    """V08: more than the service connection can carry. Measured: the highest value of the stretch."""
    low, high = runs(value > cap)
    highest = np.array([value[a:b].max() for a, b in zip(low, high, strict=True)], np.float64)
    return Hits(low, high, highest, np.full(len(low), cap))


def high_low(average: Float64s, reference: Float64s, ratios: tuple[float, float]) -> Hits:
    """V10: average daily use of a period against its reference. Measured: their ratio.

    average, reference (periods,), NaN = not known; a reference of 0 says nothing. Positions are those of periods.
    """
    ratio = np.divide(average, reference, out=np.full(len(average), np.nan), where=reference > 0)
    lowest, highest = ratios
    at = np.flatnonzero((ratio < lowest) | (ratio > highest))
    return Hits(at, at + 1, ratio[at], np.where(ratio[at] < lowest, lowest, highest))


def generation(exported: Float64s, day: Int64s) -> Hits:
    """V15: days with energy sent to the grid by a meter that has no export channel. Measured: how much.

    exported (n,) what flowed to the grid in each interval, 0 or NaN if nothing; day (n,), never decreasing.
    """
    if not exported.size:
        return gaps(np.zeros(0, np.bool_))
    begins = np.concatenate(([0], np.flatnonzero(np.diff(day)) + 1))
    amount = np.add.reduceat(np.where(exported > 0, exported, 0.0), begins)
    at = np.flatnonzero(amount > 0)
    return Hits(begins[at], np.append(begins[1:], len(day))[at], amount[at], np.zeros(len(at)))
