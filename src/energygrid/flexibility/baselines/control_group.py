"""Baselines by what assets did that were not called: difference in differences.

    baseline(s) = profile(s) + scale * (mean actual(s) - mean profile(s) of the controls)
    scale       = an asset's mean load / the controls' mean load, on the days their profiles are made of

What is known of a control is in whole numbers, and so are sums over them: they do not depend on the controls' order.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import fsum, sqrt
from statistics import median
from uuid import UUID

import msgspec
import numpy as np

from energygrid.flexibility.baselines.compute import Baselines, State
from energygrid.flexibility.baselines.days import Usage
from energygrid.flexibility.baselines.rule_set import RuleSet
from energygrid.flexibility.settlement.energy import MICRO, micro
from energygrid.metering.calendar import Span
from energygrid.metering.readings import Bools, Float64s, Int64s

ENOUGH_CONTROLS = 150
MOST_BIAS = 0.015
_Z_90 = 1.6449
"""Two-sided 90 % of a normal distribution."""
_WH = 1_000
_AT_ONCE = 256


@dataclass(frozen=True, slots=True)
class Habits:
    """What an asset uses on the days that its profile is made of.

    load    millionths of a kWh a day
    day     Wh in each slot of its mean day
    window  millionths of a kWh in the event's hours, by day (ISO 8601)
    """

    load: int
    day: list[int]
    window: dict[str, int]


@dataclass(frozen=True, slots=True)
class Control:
    """A control with a profile and all readings of the event; millionths of a kWh an interval."""

    habits: Habits
    profile: list[int]
    actual: list[int]


@dataclass(frozen=True, slots=True)
class ControlGroup:
    """Sums over controls, in millionths of a kWh.

    change  actual less profile, an interval
    load    a day
    digest  SHA-256 of what each of them is known by
    """

    controls: int
    change: tuple[int, ...]
    load: int
    digest: str

    @classmethod
    def of(cls, controls: Sequence[Control], intervals: int) -> "ControlGroup":
        change = [0] * intervals
        digest = hashlib.sha256()
        for each in controls:
            own = [actual - usual for actual, usual in zip(each.actual, each.profile, strict=True)]
            change = [total + one for total, one in zip(change, own, strict=True)]
            digest.update(msgspec.json.encode(each))
        load = sum(each.habits.load for each in controls)
        return cls(len(controls), tuple(change), load, digest.hexdigest())

    @property
    def mean_change(self) -> Float64s:
        """(n,) kWh an interval; 0 without any control."""
        return np.array(self.change, np.float64) / (max(1, self.controls) * MICRO)

    def scale(self, load: int) -> float:
        """An asset's load by that of a mean control."""
        return load * self.controls / self.load if self.load > 0 else 1.0


def compute(rules: RuleSet, base: Baselines, habits: Sequence[Habits | None], group: ControlGroup) -> Baselines:
    """The called assets' baselines, from those by the base rule set. PENDING as long as no control has readings."""
    scale = np.array([0.0 if each is None else group.scale(each.load) for each in habits])
    sure: Bools = (base.state == State.OK) & (group.controls > 0)
    state = np.where((base.state == State.OK) & ~sure, State.PENDING, base.state).astype(np.uint8)
    moved = base.unadjusted + scale[:, None] * group.mean_change
    return replace(
        base,
        rules=rules,
        adjusted=np.where(sure[:, None], moved, base.unadjusted),
        adjustment=np.where(sure, scale, 0.0),
        window_missing=np.zeros(len(scale), np.int64),
        state=state,
    )


def habits(base: Baselines, usage: Usage, event: Span) -> list[Habits | None]:
    """Of each asset, on the reference days of the event's first day; None: it has no profile."""
    picked = base.selections[0].picked
    slots = usage.days.slot[usage.days.positions(*event.instants())]
    load, mean = np.zeros(len(picked)), np.zeros((len(picked), usage.days.slots))
    window: list[dict[str, int]] = [{} for _ in picked]
    for day in np.flatnonzero(picked.any(axis=0)).tolist():
        start, here = usage.days.offset[day], picked[:, day]
        load += np.where(here, usage.totals[:, day], 0.0)
        mean += np.where(here[:, None], usage.kwh[:, start : start + usage.days.slots], 0.0)
        name, hours = usage.days.local_date(day).isoformat(), np.zeros(len(picked))
        for slot in slots:
            hours += np.where(here, usage.kwh[:, start + slot], 0.0)
        energy = micro(hours).tolist()
        for row in np.flatnonzero(here).tolist():
            window[row][name] = energy[row]
    count = np.maximum(picked.sum(axis=1), 1)
    loads, days = micro(load / count).tolist(), np.rint(mean / count[:, None] * _WH).astype(np.int64).tolist()
    return [
        Habits(*each) if known else None
        for known, *each in zip((base.state == State.OK).tolist(), loads, days, window, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class Called:
    """Of a called asset with a profile; `distance` to its nearest control, see `distances`; None: there is none."""

    load: int
    window: dict[str, int]
    distance: float | None


@dataclass(frozen=True, slots=True)
class Validity:
    """How far the controls can stand in for the called assets; None: nothing can be said.

    days       days before the event that were compared
    bias       mean relative error of the controls' (scaled) energy in the event's hours on those days
    low, high  its 90 % interval
    distance   median distance of a called asset to its nearest control
    """

    controls: int
    days: int
    bias: float | None
    low: float | None
    high: float | None
    distance: float | None

    @property
    def valid(self) -> bool:
        if self.controls < ENOUGH_CONTROLS or self.low is None or self.high is None:
            return False
        return self.low >= -MOST_BIAS and self.high <= MOST_BIAS


class _Mean:
    """Of a group that is met asset by asset: its load, and its energy in the event's hours on each reference day."""

    def __init__(self) -> None:
        self.assets, self.load = 0, 0
        self.windows: dict[str, tuple[int, int]] = {}

    def add(self, each: Habits | Called) -> None:
        self.assets, self.load = self.assets + 1, self.load + each.load
        for day, energy in each.window.items():
            total, count = self.windows.get(day, (0, 0))
            self.windows[day] = total + energy, count + 1

    def window(self, day: str) -> float:
        total, count = self.windows[day]
        return total / count


def validity(called: Iterable[Called], controls: Iterable[Habits]) -> Validity:
    """Over the days before the event that assets of both groups refer to."""
    groups = _Mean(), _Mean()
    nearest = []
    for each in called:
        groups[0].add(each)
        if each.distance is not None:
            nearest.append(each.distance)
    for control in controls:
        groups[1].add(control)
    theirs, ours = groups
    scale = theirs.load * ours.assets / (ours.load * max(1, theirs.assets)) if ours.load > 0 else 1.0
    days = [day for day in sorted(theirs.windows.keys() & ours.windows.keys()) if theirs.window(day) > 0]
    errors = [scale * ours.window(day) / theirs.window(day) - 1 for day in days]
    bias, half = _interval(errors)
    return Validity(
        ours.assets,
        len(days),
        bias,
        None if bias is None or half is None else bias - half,
        None if bias is None or half is None else bias + half,
        median(nearest) if nearest else None,
    )


def _interval(errors: Sequence[float]) -> tuple[float | None, float | None]:
    """Their mean, and half the width of its 90 % interval; one alone has none."""
    count = len(errors)
    if not count:
        return None, None
    mean = fsum(errors) / count
    if count == 1:
        return mean, None
    return mean, _Z_90 * sqrt(fsum((error - mean) ** 2 for error in errors) / (count - 1) / count)


def distances(called: Int64s, controls: Int64s) -> Float64s:
    """(H,) root mean square difference to the nearest control's mean day, relative to the asset's own mean load.

    Both are mean days in Wh, (H, S) and (C, S): whole numbers, whose products float64 adds up exactly in any order.
    NaN without controls, and for an asset that uses nothing.
    """
    own, others = called.astype(np.float64), controls.astype(np.float64)
    nearest = np.full(len(own), np.nan)
    if len(others):
        lengths = (others**2).sum(axis=1)
        for at in range(0, len(own), _AT_ONCE):
            some = own[at : at + _AT_ONCE]
            squares = (some**2).sum(axis=1)[:, None] + lengths - 2 * (some @ others.T)
            nearest[at : at + _AT_ONCE] = np.sqrt(squares.min(axis=1) / own.shape[1])
    mean = own.mean(axis=1)
    relative: Float64s = np.divide(nearest, mean, out=np.full_like(nearest, np.nan), where=mean > 0)
    return relative


def held_out(asset: UUID, among: UUID, share: float) -> bool:
    """Whether an asset is a control of a scheme or portfolio: by lot, the same whenever it is asked."""
    lot = hashlib.sha256(among.bytes + asset.bytes).digest()[:8]
    return int.from_bytes(lot, "big") < share * 2**64
