"""Readings added up to hours, days, weeks, months, years or billing periods. Pure; periods come from the calendar.

A missing reading is never zero. By default one missing reading makes its whole period missing, for every way of
combining; `allow_missing` lets a share of them be absent, and then the total is that of the readings present.
"""

from dataclasses import dataclass
from functools import cmp_to_key
from types import MappingProxyType
from typing import Literal, TypeAlias

import numpy as np

from energygrid.errors import Invalid
from energygrid.metering.quality import Quality, worst
from energygrid.metering.readings import DAY_S, Bools, Float64s, Int64s, Kind, UInt8s

How: TypeAlias = Literal["sum", "mean", "max"]

HOW = MappingProxyType(
    {
        Kind.ENERGY: "sum",
        Kind.VOLUME: "sum",
        Kind.REACTIVE_ENERGY: "sum",
        Kind.APPARENT_ENERGY: "sum",
        Kind.DEMAND: "max",
    }
)
"""How readings of a kind combine; every other kind (power, voltage, temperature) is a mean over time."""

_SHORTEST_DAY_S = 23 * 3600


def _worse(a: Quality, b: Quality) -> int:
    return 1 if worst([a, b]) is a else -1


_BEST_FIRST: list[Quality] = sorted(Quality, key=cmp_to_key(_worse))
_RANK = np.argsort(np.array(_BEST_FIRST)).astype(np.uint8)
_QUALITY = np.array(_BEST_FIRST, np.uint8)


def how(kind: Kind) -> How:
    return HOW.get(kind, "mean")  # type: ignore[return-value]


@dataclass(frozen=True, slots=True)
class Totals:
    """One entry a period, oldest first.

    start, end  epoch seconds UTC, half-open
    value       in the unit of the readings; NaN when too many readings are missing
    present     readings there are;  expected  readings of a complete period
    quality     the worst of the period's readings; MISSING when one of them is missing
    """

    start: Int64s
    end: Int64s
    value: Float64s
    present: Int64s
    expected: Int64s
    quality: UInt8s

    @property
    def coverage(self) -> Float64s:
        """Share of the expected readings that are present, 0 to 1."""
        return self.present / np.maximum(self.expected, 1)


def aggregate(
    start: Int64s,
    value: Float64s,
    quality: UInt8s,
    interval_s: int,
    periods: Int64s,
    *,
    how: How = "sum",
    allow_missing: float = 0.0,
) -> Totals:
    """Combine the readings of each period.

    start, value, quality  (n,) starts strictly increasing; readings absent from them count as missing, like NaN
    interval_s             86,400 = one local calendar day
    periods                (m + 1,) edges, or (m, 2) half-open spans in order of time; epoch seconds UTC
    allow_missing          largest share of a period's readings that may be missing, 0 to 1

    Raises Invalid TOO_COARSE when an interval crosses a boundary of a period, as every interval longer than the
    period does: energy within an interval has no known time.
    """
    spans = np.stack((periods[:-1], periods[1:]), axis=1) if periods.ndim == 1 else periods
    _refuse_crossing(start, interval_s, spans)
    low, high = np.searchsorted(start, spans).T
    there = ~np.isnan(value)
    present = _reduce(np.add, there.astype(np.int64), low, high)
    expected = _expected(spans, interval_s)
    combined = _combine(how, value, there, low, high, present)
    absent = expected - present
    complete = (present > 0) & (absent <= allow_missing * expected)
    rank = _reduce(np.maximum, _RANK[np.where(there, quality, Quality.MISSING)], low, high)
    return Totals(
        start=spans[:, 0],
        end=spans[:, 1],
        value=np.where(complete, combined, np.nan),
        present=present,
        expected=expected,
        quality=np.where(absent > 0, Quality.MISSING, _QUALITY[rank]).astype(np.uint8),
    )


def _refuse_crossing(start: Int64s, interval_s: int, spans: Int64s) -> None:
    """A local day is taken to last 23 hours at least: enough to tell whether a boundary lies inside it."""
    if not start.size:
        return
    length = _SHORTEST_DAY_S if interval_s == DAY_S else interval_s
    bounds = np.unique(spans)
    position = np.searchsorted(start, bounds, side="left") - 1
    crossed = (position >= 0) & (bounds < start[position] + length)
    if crossed.any():
        raise Invalid(
            "TOO_COARSE",
            f"intervals of {interval_s} s do not fit into the periods asked for",
            intervalSeconds=interval_s,
            boundary=int(bounds[crossed][0]),
        )


def _expected(spans: Int64s, interval_s: int) -> Int64s:
    """Intervals of each period; local days of 23 to 25 hours count as one."""
    length = spans[:, 1] - spans[:, 0]
    expected: Int64s = np.rint(length / interval_s).astype(np.int64) if interval_s == DAY_S else length // interval_s
    return expected


def _combine(how: How, value: Float64s, there: Bools, low: Int64s, high: Int64s, present: Int64s) -> Float64s:
    if how == "max":
        return _reduce(np.fmax, np.where(there, value, -np.inf), low, high)
    total = _reduce(np.add, np.where(there, value, 0.0), low, high)
    return total if how == "sum" else total / np.maximum(present, 1)


def _reduce(function: np.ufunc, column: np.ndarray, low: Int64s, high: Int64s) -> np.ndarray:
    """`function` over column[low:high] of each period; 0 where that is empty."""
    found = np.zeros(len(low), column.dtype)
    filled = high > low
    if filled.any():
        bounds = np.stack((low[filled], high[filled]), axis=1).reshape(-1)
        if bounds[-1] == len(column):
            bounds = bounds[:-1]
        found[filled] = function.reduceat(column, bounds)[::2]
    return found
