"""How well a rule set's baselines fit days on which nothing was asked: placebo days.

A placebo day is a day like the event's, not an event day, and every reading of its hours is there. Its baseline is
computed just as for an event: from earlier days, and the hours of the day itself that the adjustment looks at.
With error e = baseline - actual over all half-hours of all placebo days:

bias     mean e [kWh]                     nmbe    sum e / sum actual
mae      mean |e| [kWh]                   wape    sum |e| / sum actual
mape     mean |e| / actual, of half-hours whose actual is above a threshold
rmse     root mean e^2 [kWh]              cvrmse  rmse / mean actual
pnrmse   rmse / interquartile range of the actual
rrmse    as cvrmse, over whole hours of the event; what PJM and AEMO admit by (at most 0.20 over 20 days or more)
coverage how often the actual lies between the 10 and 90 % quantiles of earlier days, see `uncertainty`; 0.8 is just

A figure that cannot be had (no days, nothing used) is NaN.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import IntEnum
from zoneinfo import ZoneInfo

import numpy as np

from energygrid.flexibility.baselines import uncertainty
from energygrid.flexibility.baselines.compute import State, compute
from energygrid.flexibility.baselines.days import LocalDays, Usage, day_classes
from energygrid.flexibility.baselines.rule_set import RuleSet
from energygrid.metering.calendar import HOUR_S, Span
from energygrid.metering.readings import Bools, Float64s, Int64s, UInt8s

MAPE_THRESHOLD_KWH = 0.01
RRMSE_LIMIT = 0.20
RRMSE_DAYS = 20


class Verdict(IntEnum):
    """By RRMSE; the numbers are stored. UNKNOWN: too few placebo days to tell."""

    FAIL = 0
    PASS = 1
    UNKNOWN = 2


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Of each of H assets; `days` and `n` count placebo days and half-hours."""

    days: Int64s
    n: Int64s
    bias: Float64s
    nmbe: Float64s
    mae: Float64s
    wape: Float64s
    mape: Float64s
    rmse: Float64s
    cvrmse: Float64s
    pnrmse: Float64s
    rrmse: Float64s
    coverage: Float64s
    verdict: UInt8s


@dataclass(frozen=True, slots=True)
class Backtest:
    """(H assets, P placebo days, n intervals) kWh; a day that is none for an asset is NaN in both."""

    days: tuple[date, ...]
    baseline: Float64s
    actual: Float64s
    interval_s: int

    def accuracy(self, threshold: float = MAPE_THRESHOLD_KWH) -> Accuracy:
        return measure(self.baseline, self.actual, self.interval_s, threshold)


def days_to_load(rules: Sequence[RuleSet], zone: str, window: tuple[time, time], placebo: Sequence[date]) -> LocalDays:
    """Every day that `backtest` looks at."""
    first, last = (LocalDays.around(zone, _span(day, window, zone), rules) for day in (placebo[0], placebo[-1]))
    return LocalDays(zone, first.first, last.last)


def placebo_days(rules: RuleSet, like: date, count: int, off: Collection[date]) -> tuple[date, ...]:
    """The latest `count` days before `like` that are of its day type, oldest first; holidays `off` among them."""
    days = LocalDays("UTC", like - timedelta(days=max(60, 8 * count)), like)
    if rules.day_types is None:
        return tuple(days.local_date(index) for index in range(len(days.number) - 1))[-count:]
    classes, excluded = day_classes(days, rules.day_types, off)
    fits = np.flatnonzero((classes[:-1] == classes[-1]) & ~excluded[:-1])
    return tuple(days.local_date(index) for index in fits[-count:].tolist())


def backtest(
    rules: RuleSet,
    usage: Usage,
    window: tuple[time, time],
    placebo: Sequence[date],
    *,
    holidays: Collection[date] = (),
    event_days: Bools | None = None,
) -> Backtest:
    """Baselines of the local hours `window` on each placebo day. Days on which clocks change are left out.

    event_days  (D,) or (H, D): no placebo days, nor reference days
    """
    shape = (len(usage.kwh), len(usage.days.number))
    events = np.zeros(shape, np.bool_) if event_days is None else np.broadcast_to(event_days, shape)
    kept, baselines, actuals = [], [], []
    for day in placebo:
        span = _span(day, window, usage.days.zone)
        touched = usage.days.day_of(usage.days.positions(*span.instants()))
        if usage.days.clock_change[touched].any():
            continue
        found = compute(rules, usage, span, holidays=holidays, event_days=events)
        actual = usage.over(span)
        kept.append(day)
        none = (found.state != State.OK) | events[:, usage.days.index(day)] | np.isnan(actual).any(axis=1)
        baselines.append(np.where(none[:, None], np.nan, found.adjusted))
        actuals.append(np.where(none[:, None], np.nan, actual))
    if not kept:
        empty = np.empty((len(usage.kwh), 0, 1))
        return Backtest((), empty, empty, usage.days.interval_s)
    return Backtest(tuple(kept), np.stack(baselines, axis=1), np.stack(actuals, axis=1), usage.days.interval_s)


def measure(baseline: Float64s, actual: Float64s, interval_s: int, threshold: float = MAPE_THRESHOLD_KWH) -> Accuracy:
    """Of (H, P, n) with NaN for days that are none, see `Backtest`."""
    present = ~np.isnan(actual)
    error = np.where(present, baseline - actual, 0.0)
    used = np.where(present, actual, 0.0)
    n = _sum(present)
    days = np.count_nonzero(present.all(axis=2), axis=1).astype(np.int64)
    total, square = _sum(used), _sum(error**2)
    big = present & (used > threshold)
    relative = np.divide(np.abs(error), used, out=np.zeros_like(error), where=big)
    rmse = np.sqrt(_ratio(square, n))
    rrmse = _hourly(error, used, present, interval_s)
    verdict = np.where(rrmse <= RRMSE_LIMIT, Verdict.PASS, Verdict.FAIL)
    verdict[(days < RRMSE_DAYS) | np.isnan(rrmse)] = Verdict.UNKNOWN
    return Accuracy(
        days=days,
        n=n.astype(np.int64),
        bias=_ratio(_sum(error), n),
        nmbe=_ratio(_sum(error), total),
        mae=_ratio(_sum(np.abs(error)), n),
        wape=_ratio(_sum(np.abs(error)), total),
        mape=_ratio(_sum(relative), _sum(big)),
        rmse=rmse,
        cvrmse=_ratio(rmse, _ratio(total, n)),
        pnrmse=_ratio(rmse, _interquartile(actual)),
        rrmse=rrmse,
        coverage=uncertainty.coverage(actual - baseline),
        verdict=verdict.astype(np.uint8),
    )


def _hourly(error: Float64s, used: Float64s, present: Bools, interval_s: int) -> Float64s:
    """RRMSE over the event's hours, counted from its start; a last part of an hour is taken as it is."""
    starts = np.arange(0, error.shape[2], max(1, HOUR_S // interval_s))
    if not error.size:
        return np.full(len(error), np.nan)
    error, used = (np.add.reduceat(each, starts, axis=2) for each in (error, used))
    hours = _sum(present[:, :, starts])
    return _ratio(np.sqrt(_ratio(_sum(error**2), hours)), _ratio(_sum(used), hours))


def rank(methods: Sequence[Accuracy]) -> Int64s:
    """(M, H) place of each method for each asset, 0 for the best: by RRMSE, then by how little it is biased."""
    rrmse = np.array([each.rrmse for each in methods])
    bias = np.abs([each.nmbe for each in methods])
    order = np.lexsort((bias, rrmse), axis=0)  # NaN comes last
    places = np.empty_like(order)
    np.put_along_axis(places, order, np.arange(len(methods))[:, None], axis=0)
    return places


def _interquartile(actual: Float64s) -> Float64s:
    """(H,) with straight lines between the values; NaN without any."""
    values = np.sort(actual.reshape(len(actual), -1), axis=1)
    last = np.count_nonzero(~np.isnan(values), axis=1) - 1
    row = np.flatnonzero(last >= 0)
    spread = np.full(len(values), np.nan)
    quartiles = []
    for share in (0.25, 0.75):
        at = share * last[row]
        low = np.floor(at).astype(np.int64)
        below, above = values[row, low], values[row, np.minimum(low + 1, last[row])]
        quartiles.append(below + (at - low) * (above - below))
    spread[row] = quartiles[1] - quartiles[0]
    return spread


def _sum(values: Float64s | Bools) -> Float64s:
    """(H,) over days and intervals, in one order however many assets there are."""
    total = np.zeros(len(values))
    for day in range(values.shape[1]):
        for at in range(values.shape[2]):
            total += values[:, day, at]
    return total


def _ratio(above: Float64s, below: Float64s) -> Float64s:
    ratio: Float64s = np.divide(above, below, out=np.full(len(above), np.nan), where=below > 0)
    return ratio


def _span(day: date, window: tuple[time, time], zone: str) -> Span:
    """The window's hours of a local day; an end at or before the start is on the next day."""
    start, end = window
    until = day if end > start else day + timedelta(days=1)
    local = ZoneInfo(zone)
    first, last = (datetime.combine(*at, tzinfo=local).astimezone(UTC) for at in ((day, start), (until, end)))
    return Span(first, last)
