"""The estimation ladder E1 to E5 of powerbox.md 4.7, and its fitting to register differences. Pure.

E1  gap of 2 h or less between two trusted neighbours: a straight line
E2  gap of 1 h or less with one trusted neighbour: its value
E3  mean of the same wall clock over the 4 most recent like days within 90 days
E4  mean of the same wall clock over like days of the same month of the year before
E5  none of these: stays missing, never zero
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from enum import IntEnum
from typing import NamedTuple

import numpy as np

from energygrid.metering.readings import Bools, Float64s, UInt8s
from energygrid.metering.vee.findings import runs
from energygrid.metering.vee.settings import VeeSettings
from energygrid.metering.vee.stretch import Stretch, day_classes, is_holiday, months_of

_MOST_DECIMALS = 6
_FEWEST_DECIMALS = 3
_SAMPLE = 500
_NOISE = 1e-9


class Step(IntEnum):
    """Which step of the ladder gave a value."""

    NONE = 0
    LINEAR = 1
    FLAT = 2
    LIKE_DAYS = 3
    LAST_YEAR = 4


class Bracket(NamedTuple):
    """What a register counted between two reads, in the unit of the series; instants in epoch seconds."""

    start: int
    end: int
    difference: float


@dataclass(slots=True)
class Estimates:
    """For every interval of the stretch: the estimate (NaN = none), the step it came from, whether a register fits."""

    value: Float64s
    step: UInt8s
    fitted: Bools


def estimate(
    stretch: Stretch,
    wanted: Bools,
    settings: VeeSettings,
    *,
    distrusted: Bools | None = None,
    brackets: Sequence[Bracket] = (),
    history: Sequence[Stretch] = (),
) -> Estimates:
    """Estimate the intervals `wanted` (n,), which are taken as unknown whatever stands there.

    distrusted  (n,) intervals that failed a rule: they stay, and nothing is estimated from them
    brackets    register differences; a bracket whose other intervals are all there fixes the sum of its estimates
    history     readings from before the stretch, for the year before
    """
    found = Estimates(np.full(len(wanted), np.nan), np.zeros(len(wanted), np.uint8), np.zeros(len(wanted), np.bool_))
    trusted = stretch.trusted & ~wanted
    if distrusted is not None:
        trusted &= ~distrusted
    _from_neighbours(stretch, wanted, trusted, settings, found)
    _from_like_days(stretch, wanted, trusted, settings, found)
    for past, known in [*((past, past.trusted) for past in history), (stretch, trusted)]:
        _from_year_before(stretch, wanted, past, known, settings, found)
    decimals = _decimals(stretch.value[trusted])
    found.value = np.round(found.value, decimals)
    for bracket in brackets:
        _fit(stretch, wanted, bracket, decimals, found)
    return found


def _from_neighbours(stretch: Stretch, wanted: Bools, trusted: Bools, settings: VeeSettings, found: Estimates) -> None:
    """E1 and E2. A neighbour is the interval right before or after the gap."""
    for low, high in zip(*(edge.tolist() for edge in runs(wanted)), strict=True):
        before = stretch.value[low - 1] if low > 0 and trusted[low - 1] else np.nan
        after = stretch.value[high] if high < len(wanted) and trusted[high] else np.nan
        hours = (stretch.end[high - 1] - stretch.start[low]) / 3600
        if hours <= settings.linear_h and not np.isnan(before + after):
            share = np.arange(1, high - low + 1) / (high - low + 1)
            found.value[low:high] = before + (after - before) * share
            found.step[low:high] = Step.LINEAR
        elif hours <= settings.flat_h and not (np.isnan(before) and np.isnan(after)):
            found.value[low:high] = after if np.isnan(before) else before
            found.step[low:high] = Step.FLAT


def _from_like_days(stretch: Stretch, wanted: Bools, trusted: Bools, settings: VeeSettings, found: Estimates) -> None:
    """E3. A like day is of the same class of weekday, no holiday, and measured from midnight to midnight."""
    open_ = wanted & (found.step == Step.NONE)
    if not open_.any():
        return
    days, table = stretch.by_day(trusted)
    classes = day_classes(days, settings.holidays)
    untrusted_days = np.unique(stretch.day[~trusted])
    usable = ~np.isin(days, untrusted_days) & ~is_holiday(days, settings.holidays)
    for day in np.unique(stretch.day[open_]).tolist():
        position = day - int(days[0])
        first = max(0, position - settings.like_days_within)
        like = first + np.flatnonzero(usable[first:position] & (classes[first:position] == classes[position]))
        _take_profile(stretch, open_ & (stretch.day == day), table[like[-settings.like_days :]], Step.LIKE_DAYS, found)


def _from_year_before(
    stretch: Stretch, wanted: Bools, past: Stretch, known: Bools, settings: VeeSettings, found: Estimates
) -> None:
    """E4. The year before may have gaps of its own: what it has counts."""
    open_ = wanted & (found.step == Step.NONE)
    if not open_.any():
        return
    days, table = past.by_day(known)
    months = months_of(days)
    classes = day_classes(days, settings.holidays)
    for day in np.unique(stretch.day[open_]):
        like = (months == months_of(day) - 12) & (classes == _class_of(day, settings.holidays))
        _take_profile(stretch, open_ & (stretch.day == day), table[like], Step.LAST_YEAR, found)


def _class_of(day: np.int64, holidays: Collection[date]) -> int:
    return int(day_classes(np.array([day]), holidays)[0])


def _take_profile(stretch: Stretch, at: Bools, like: Float64s, step: Step, found: Estimates) -> None:
    """The mean of like days (days, slots) at each wall clock; what none of them has stays open."""
    there = ~np.isnan(like)
    count = there.sum(axis=0)
    mean = np.divide(np.where(there, like, 0.0).sum(axis=0), count, out=np.full(stretch.slots, np.nan), where=count > 0)
    positions = np.flatnonzero(at)
    values = mean[stretch.slot[positions]]
    known = ~np.isnan(values)
    found.value[positions[known]] = values[known]
    found.step[positions[known]] = step


def _fit(stretch: Stretch, wanted: Bools, bracket: Bracket, decimals: int, found: Estimates) -> None:
    """Scale the estimates of a bracket so that with its measured intervals they are the register difference.

    The last interval takes the rounding. A difference smaller than what was measured is no scale: V09 speaks of it.
    """
    low, high = stretch.between(bracket.start, bracket.end)
    if low == high or stretch.start[low] != bracket.start or stretch.end[high - 1] != bracket.end:
        return
    at = low + np.flatnonzero(wanted[low:high])
    known = stretch.value[low:high][~wanted[low:high]]
    if not at.size or (found.step[at] == Step.NONE).any() or np.isnan(known).any():
        return
    rest = bracket.difference - float(known.sum())
    if rest < -_NOISE:
        return
    found.value[at] = _shared(max(rest, 0.0), found.value[at], decimals)
    found.fitted[at] = True


def _shared(amount: float, weights: Float64s, decimals: int) -> Float64s:
    """An amount in proportion to weights (evenly if they are all 0), rounded, the last one taking the rest."""
    total = float(weights.sum())
    exact = weights * (amount / total) if total > 0 else np.full(len(weights), amount / len(weights))
    rounded = np.round(exact, decimals)
    last = round(amount - float(rounded[:-1].sum()), _MOST_DECIMALS + 3)
    return exact if last < 0 else np.append(rounded[:-1], last)


def _decimals(values: Float64s) -> int:
    """How finely the series is measured, 3 decimals at least: estimates need not be finer."""
    sample = values[-_SAMPLE:]
    for decimals in range(_FEWEST_DECIMALS, _MOST_DECIMALS):
        if np.allclose(sample, np.round(sample, decimals), rtol=0, atol=_NOISE):
            return decimals
    return _MOST_DECIMALS
