"""Baselines of many assets for one event by one rule set.

Every figure of an asset depends on its own readings only, and is summed in a fixed order: the same bits come out
whatever assets are computed together, in whatever order, and however many further days are loaded.

One principle carries events over midnight, events at one in the morning and clock changes: each interval has the
profile of its own local day. An event from 23:00 to 01:00 has reference days of the first day for its first hour and
of the second for its second; a window that reaches before midnight is compared with the day before's own profile.
On a day with a repeated hour both passes have the same profile; an hour that was skipped has no intervals.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from enum import IntEnum

import numpy as np

from energygrid.flexibility.baselines import adjustment
from energygrid.flexibility.baselines.days import Usage, day_classes
from energygrid.flexibility.baselines.profile import profile
from energygrid.flexibility.baselines.rule_set import Method, RankOn, RuleSet, Shortfall
from energygrid.flexibility.baselines.selection import Candidates, Reason, Selection, choose
from energygrid.metering.calendar import Span
from energygrid.metering.readings import Bools, Float64s, Int64s, UInt8s


class State(IntEnum):
    """Of one asset's baseline. The numbers are stored."""

    OK = 0
    INSUFFICIENT = 1
    """Too few reference days: see `Shortfall` for what the baseline is then."""
    PENDING = 2
    """Readings of the event day itself are needed and missing."""
    NOT_GIVEN = 3
    """Nobody filed a curve in time."""


@dataclass(frozen=True, slots=True)
class Baselines:
    """Of H assets over the event's n intervals, kWh an interval.

    adjusted        (H, n) the baseline that counts: `unadjusted` where the rule set has no adjustment
    adjustment      (H,) shift in kWh, or ratio
    window_missing  (H,) intervals of the adjustment's windows without a reading
    state           (H,) `State`
    selections      one of each local day that was needed, the event's first day first; empty without day matching
    own_days        local days whose readings are compared or adjusted by: the event's and its windows'
    """

    rules: RuleSet
    unadjusted: Float64s
    adjusted: Float64s
    adjustment: Float64s
    window_missing: Int64s
    state: UInt8s
    selections: tuple[Selection, ...]
    own_days: tuple[date, ...]


def compute(
    rules: RuleSet,
    usage: Usage,
    event: Span,
    *,
    holidays: Collection[date] = (),
    event_days: Bools | None = None,
    given: Float64s | None = None,
) -> Baselines:
    """Baselines of every asset of `usage`.

    holidays    public holidays among the days, see `days.holidays`
    event_days  (D,) or (H, D): days with another event; the event's own days are no reference days either way
    given       (H, n) kWh an interval, for NOMINATED (NaN where none was filed in time) and FIXED, see `given.py`

    Load at least the days of `LocalDays.around`; ValueError otherwise. Raises Invalid OFF_THE_GRID.
    """
    positions = usage.days.positions(*event.instants())
    match rules.method:
        case Method.DAY_MATCH:
            return _day_match(rules, usage, event, _event_days(usage, positions, event_days), holidays)
        case Method.SAME_DAY:
            return _same_day(rules, usage, event, positions)
        case Method.ZERO:
            return _given(rules, usage, positions, np.zeros((len(usage.kwh), len(positions))))
        case Method.NOMINATED | Method.FIXED if given is not None:
            return _given(rules, usage, positions, given)
        case Method.NOMINATED | Method.FIXED:
            raise ValueError(f"{rules.id} needs the curves it is given")
        case Method.CONTROL_GROUP:
            raise ValueError(f"{rules.id} needs a control group: see control_group.py")


def _event_days(usage: Usage, positions: Int64s, others: Bools | None) -> Bools:
    """(H, D)"""
    shape = (len(usage.kwh), len(usage.days.number))
    days = np.zeros(shape, np.bool_) if others is None else np.broadcast_to(others, shape).copy()
    days[:, np.unique(usage.days.day_of(positions))] = True
    return days


def _day_match(rules: RuleSet, usage: Usage, event: Span, event_days: Bools, holidays: Collection[date]) -> Baselines:
    days, rule = usage.days, rules.adjustment
    own = days.positions(*event.instants())
    around = np.concatenate([days.window(window, event) for window in rule.windows]) if rule else own[:0]
    wanted = np.concatenate([own, around])
    base = np.empty((len(usage.kwh), len(wanted)))
    selections = []
    for day in _own_first(days.day_of(own), days.day_of(around)):
        here = days.day_of(wanted) == day
        ranked_on = own[days.day_of(own) == day]
        slots, ranked = days.slot[wanted[here]], days.slot[ranked_on if ranked_on.size else wanted[here]]
        selection, base[:, here] = _of_day(rules, usage, day, slots, ranked, event_days, holidays)
        selections.append(selection)
    n = len(own)
    enough = np.all([one.enough for one in selections[: len(np.unique(days.day_of(own)))]], axis=0)
    unadjusted, change, missing = base[:, :n], np.full(len(base), adjustment.neutral(rule)), np.zeros(len(base), int)
    adjusted = unadjusted
    if rule is not None:
        change, missing = adjustment.factor(rule, usage.kwh[:, around], base[:, n:])
        change[~enough] = adjustment.neutral(rule)
        adjusted = adjustment.apply(rule, unadjusted, change)
    short = usage.kwh[:, own] if rules.shortfall is Shortfall.OUTTURN else np.full_like(unadjusted, np.nan)
    state = np.where(enough, State.OK, State.INSUFFICIENT).astype(np.uint8)
    unadjusted, adjusted = (np.where(enough[:, None], each, short) for each in (unadjusted, adjusted))
    return Baselines(rules, unadjusted, adjusted, change, missing, state, tuple(selections), _dates(usage, wanted))


def _own_first(own: Int64s, around: Int64s) -> list[int]:
    """Days the event touches, then those only a window touches."""
    return [*np.unique(own).tolist(), *np.setdiff1d(around, own).tolist()]


def _of_day(
    rules: RuleSet,
    usage: Usage,
    day: int,
    slots: Int64s,
    ranked: Int64s,
    event_days: Bools,
    holidays: Collection[date],
) -> tuple[Selection, Float64s]:
    """The choice of one local day's reference days, and their profile (H, n) at `slots`, NaN where they are too few."""
    days, types = usage.days, rules.day_types
    assert types is not None
    if day < rules.lookback_days:
        raise ValueError("too few days are loaded: see `LocalDays.around`")
    classes, off = day_classes(days, types, holidays)
    index = np.arange(len(classes))
    before = (index < day) & (index >= day - rules.lookback_days)
    fixed = np.full(len(classes), Reason.OUTSIDE, np.uint8)
    fixed[before] = Reason.NOT_NEEDED
    fixed[before & days.clock_change] = Reason.CLOCK_CHANGE
    fixed[before & (classes != classes[day])] = Reason.OTHER_DAY_TYPE
    fixed[before & off] = Reason.HOLIDAY
    at = np.flatnonzero(fixed == Reason.NOT_NEEDED)
    values = usage.kwh[:, days.offset[at][:, None] + slots]
    totals = usage.totals[:, at]
    measure = totals if rules.rank_on is RankOn.FULL_DAY else _energy(usage, at, ranked)
    kind = types.classes[classes[day]]
    found = Candidates(event_days[:, at], ~np.isnan(totals), measure)
    reasons, count, enough = choose(found, kind, rules)
    reason = np.broadcast_to(fixed, (len(totals), len(fixed))).copy()
    reason[:, at] = reasons
    selection = Selection(days.local_date(day), kind, reason, count, enough)
    curve = profile(values, selection.picked[:, at], kind)
    return selection, np.where(enough[:, None], curve, np.nan)


def _energy(usage: Usage, at: Int64s, slots: Int64s) -> Float64s:
    """(H, K) energy of some slots of some days."""
    total = np.zeros((len(usage.kwh), len(at)))
    for slot in slots:
        total += usage.kwh[:, usage.days.offset[at] + slot]
    return total


def _same_day(rules: RuleSet, usage: Usage, event: Span, positions: Int64s) -> Baselines:
    """One level: the mean over the windows around the event; PENDING until all of their readings are there."""
    around = np.concatenate([usage.days.window(window, event) for window in rules.windows])
    total = np.zeros(len(usage.kwh))
    for position in around:
        total += usage.kwh[:, position]
    level = total / len(around)
    missing = np.isnan(usage.kwh[:, around]).sum(axis=1)
    curve = np.repeat(level[:, None], len(positions), axis=1)
    state = np.where(missing > 0, State.PENDING, State.OK).astype(np.uint8)
    return Baselines(
        rules, curve, curve, np.zeros(len(curve)), missing, state, (), _dates(usage, np.append(positions, around))
    )


def _given(rules: RuleSet, usage: Usage, positions: Int64s, curve: Float64s) -> Baselines:
    if curve.shape != (len(usage.kwh), len(positions)):
        raise ValueError(f"a curve has one row an asset and {len(positions)} intervals")
    state = np.where(np.isnan(curve).any(axis=1), State.NOT_GIVEN, State.OK).astype(np.uint8)
    none = np.zeros(len(curve))
    return Baselines(rules, curve, curve, none, none.astype(np.int64), state, (), _dates(usage, positions))


def _dates(usage: Usage, positions: Int64s) -> tuple[date, ...]:
    return tuple(usage.days.local_date(day) for day in np.unique(usage.days.day_of(positions)).tolist())
