"""Baselines by what assets did that were not called: difference in differences.

    baseline(s) = profile(s) + scale * (mean actual(s) - mean profile(s) of the controls)
    scale       = an asset's mean load / the controls' mean load, on the days their profiles are made of

Means over controls are exactly rounded sums: they do not depend on the controls' order.
"""

import hashlib
from dataclasses import dataclass, replace
from math import fsum, sqrt
from uuid import UUID

import numpy as np

from energygrid.flexibility.baselines.compute import Baselines, State
from energygrid.flexibility.baselines.days import Usage
from energygrid.flexibility.baselines.rule_set import RuleSet
from energygrid.flexibility.baselines.selection import Selection
from energygrid.metering.calendar import Span
from energygrid.metering.readings import Float64s

ENOUGH_CONTROLS = 150
MOST_BIAS = 0.015
_Z_90 = 1.6449
"""Two-sided 90 % of a normal distribution."""


@dataclass(frozen=True, slots=True)
class ControlGroup:
    """
    controls  how many there are with a profile and all readings of the event
    change    (n,) mean of actual less profile, kWh an interval
    load      mean kWh a day
    """

    controls: int
    change: Float64s
    load: float

    @classmethod
    def of(cls, base: Baselines, usage: Usage, event: Span) -> "ControlGroup":
        """From the controls' baselines by the base rule set and their readings."""
        actual = usage.over(event)
        kept = (base.state == State.OK) & ~np.isnan(actual).any(axis=1)
        change = [_mean(column) for column in (actual - base.unadjusted)[kept].T]
        return cls(int(kept.sum()), np.array(change), _mean(_loads(usage, base.selections[0])[kept]))


def compute(rules: RuleSet, base: Baselines, usage: Usage, group: ControlGroup) -> Baselines:
    """The called assets' baselines, from those by the base rule set. PENDING as long as no control has readings."""
    scale = _loads(usage, base.selections[0]) / group.load if group.load > 0 else np.ones(len(usage.kwh))
    pending = (base.state == State.OK) & (group.controls == 0)
    state = np.where(pending, State.PENDING, base.state).astype(np.uint8)
    moved = base.unadjusted + scale[:, None] * group.change
    return replace(
        base,
        rules=rules,
        adjusted=np.where((state == State.OK)[:, None], moved, base.unadjusted),
        adjustment=np.where(state == State.OK, scale, 0.0),
        window_missing=np.zeros(len(scale), np.int64),
        state=state,
    )


@dataclass(frozen=True, slots=True)
class Validity:
    """How far the controls can stand in for the called assets.

    days       days before the event that were compared
    bias       mean relative error of the controls' (scaled) energy in the event's hours on those days
    low, high  its 90 % interval
    distance   median distance of a called asset to its nearest control, see `distances`
    """

    controls: int
    days: int
    bias: float
    low: float
    high: float
    distance: float

    @property
    def valid(self) -> bool:
        return self.controls >= ENOUGH_CONTROLS and self.low >= -MOST_BIAS and self.high <= MOST_BIAS


def validity(called: tuple[Baselines, Usage], controls: tuple[Baselines, Usage], event: Span) -> Validity:
    """Over the days before the event that the base rule set picked for any asset of either group."""
    window = [_window_means(*group, event) for group in (called, controls)]
    days = sorted(set(window[0]) & set(window[1]))
    loads = [_mean(_loads(usage, base.selections[0])[base.state == State.OK]) for base, usage in (called, controls)]
    scale = loads[0] / loads[1] if loads[1] > 0 else 1.0
    errors = [scale * window[1][day] / window[0][day] - 1 for day in days if window[0][day] > 0]
    bias = _mean(np.array(errors))
    spread = sqrt(fsum((error - bias) ** 2 for error in errors) / max(1, len(errors) - 1) / max(1, len(errors)))
    half = _Z_90 * spread if len(errors) > 1 else np.inf
    nearest = distances(day_profiles(*called), day_profiles(*controls))
    distance = float(np.median(nearest)) if nearest.size else np.nan
    count = int((controls[0].state == State.OK).sum())
    return Validity(count, len(errors), bias, bias - half, bias + half, distance)


def day_profiles(base: Baselines, usage: Usage) -> Float64s:
    """(assets with a baseline, S) mean day of each, over the days its profile is made of."""
    kept = np.flatnonzero(base.state == State.OK)
    picked = base.selections[0].picked[kept]
    total = np.zeros((len(kept), usage.days.slots))
    for day in np.flatnonzero(picked.any(axis=0)).tolist():
        start = usage.days.offset[day]
        total += np.where(picked[:, day, None], usage.kwh[kept, start : start + usage.days.slots], 0.0)
    total /= np.maximum(picked.sum(axis=1), 1)[:, None]
    return total


def distances(called: Float64s, controls: Float64s) -> Float64s:
    """(H,) root mean square difference to the nearest control's mean day, relative to the asset's own mean load."""
    if not (called.size and controls.size):
        return np.zeros(0)
    nearest = np.empty(len(called))
    for at, own in enumerate(called):
        nearest[at] = np.sqrt(((controls - own) ** 2).mean(axis=1).min())
    mean = called.mean(axis=1)
    relative: Float64s = np.divide(nearest, mean, out=np.full_like(nearest, np.inf), where=mean > 0)
    return relative


def held_out(asset: UUID, scheme: UUID, share: float) -> bool:
    """Whether an asset belongs to a scheme's control group of this share: by lot, the same whenever it is asked."""
    lot = hashlib.sha256(scheme.bytes + asset.bytes).digest()[:8]
    return int.from_bytes(lot, "big") < share * 2**64


def _loads(usage: Usage, selection: Selection) -> Float64s:
    """(H,) mean kWh a day over the picked days; 0 without any."""
    picked, total = selection.picked, np.zeros(len(usage.kwh))
    for day in np.flatnonzero(picked.any(axis=0)).tolist():
        total += np.where(picked[:, day], usage.totals[:, day], 0.0)
    total /= np.maximum(picked.sum(axis=1), 1)
    return total


def _window_means(base: Baselines, usage: Usage, event: Span) -> dict[int, float]:
    """Mean kWh in the event's hours, by day, of the assets that refer to the day."""
    slots = usage.days.slot[usage.days.positions(*event.instants())]
    picked = base.selections[0].picked
    means = {}
    for day in np.flatnonzero(picked.any(axis=0)).tolist():
        means[day] = _mean(usage.kwh[picked[:, day]][:, usage.days.offset[day] + slots].sum(axis=1))
    return means


def _mean(values: Float64s) -> float:
    return fsum(values.tolist()) / max(1, len(values))
