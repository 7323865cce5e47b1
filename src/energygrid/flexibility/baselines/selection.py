"""Which days an asset's baseline of one local day is made of, and why each other day is not."""

from dataclasses import dataclass
from datetime import date
from enum import IntEnum

import numpy as np

from energygrid.flexibility.baselines.rule_set import DayClass, Pick, RuleSet, Shortfall
from energygrid.metering.readings import Bools, Float64s, Int64s, UInt8s


class Reason(IntEnum):
    """Why a day is in or out. The numbers are stored: they never change their meaning."""

    OUTSIDE = 0
    """Not before the day in question, or longer ago than the rule set looks back."""
    PICKED = 1
    OTHER_DAY_TYPE = 2
    HOLIDAY = 3
    CLOCK_CHANGE = 4
    EVENT_DAY = 5
    INCOMPLETE = 6
    """At least one reading is missing."""
    LOW_USAGE = 7
    RANKED_OUT = 8
    """Looked at, and left out by the ranking."""
    NOT_NEEDED = 9
    """Enough later days were found."""
    FILLED = 10
    """An event day taken because there were too few others."""
    EVENT_DAY_NOT_FILLED = 11
    """An event day that might have been taken to fill up, and was not."""


MATTERS = frozenset(
    {
        Reason.PICKED,
        Reason.INCOMPLETE,
        Reason.LOW_USAGE,
        Reason.RANKED_OUT,
        Reason.FILLED,
        Reason.EVENT_DAY_NOT_FILLED,
    }
)
"""Days whose readings have a part in the result: a changed or late reading in any other day cannot change it."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Of one local day that an event needs a baseline for.

    reason  (H, D) `Reason` of every loaded day
    found   (H,) days looked at: eligible ones, up to as many as the class asks for
    enough  (H,) whether the minimum was reached
    """

    day: date
    kind: DayClass
    reason: UInt8s
    found: Int64s
    enough: Bools

    @property
    def picked(self) -> Bools:
        """(H, D)"""
        return np.asarray((self.reason == Reason.PICKED) | (self.reason == Reason.FILLED))


@dataclass(frozen=True, slots=True)
class Candidates:
    """The K days before the day in question that are of its class and may be referred to, oldest first.

    event, complete  (H, K)
    measure          (H, K) kWh the days are ranked by, NaN where incomplete
    """

    event: Bools
    complete: Bools
    measure: Float64s


def choose(found: Candidates, kind: DayClass, rules: RuleSet) -> tuple[UInt8s, Int64s, Bools]:
    """Reason (H, K), days looked at (H,), whether they are enough (H,)."""
    eligible = found.complete & ~found.event
    low = _low_usage(eligible, found.measure, kind, rules.low_usage)
    eligible &= ~low
    later = _newer(eligible)
    looked_at = eligible & (later < kind.days)
    reason = np.full(eligible.shape, Reason.NOT_NEEDED, np.uint8)
    needed = later < kind.days
    reason[needed & low] = Reason.LOW_USAGE
    reason[needed & ~found.complete] = Reason.INCOMPLETE
    reason[looked_at] = Reason.RANKED_OUT
    reason[needed & found.event] = Reason.EVENT_DAY
    count = looked_at.sum(axis=1)
    filled = np.zeros_like(looked_at)
    if rules.shortfall is Shortfall.EVENT_DAYS:
        filled = _fill(found, kind.minimum - count)
        reason[found.event & (count < kind.minimum)[:, None]] = Reason.EVENT_DAY_NOT_FILLED
        looked_at |= filled
        count = looked_at.sum(axis=1)
    picked = _ranked(looked_at, found.measure, kind, count)
    reason[looked_at & filled] = Reason.EVENT_DAY_NOT_FILLED
    reason[picked] = Reason.PICKED
    reason[picked & filled] = Reason.FILLED
    return reason, count, count >= kind.minimum


def _newer(days: Bools) -> Int64s:
    """(H, K) how many of these days come after each one."""
    upto: Int64s = np.cumsum(days[:, ::-1], axis=1, dtype=np.int64)[:, ::-1]
    return upto - days


def _low_usage(eligible: Bools, measure: Float64s, kind: DayClass, share: float | None) -> Bools:
    """Days below a share of the mean of the most recent eligible ones; these are replaced by earlier days."""
    if share is None:
        return np.zeros_like(eligible)
    recent = eligible & (_newer(eligible) < kind.days)
    total = np.zeros(len(measure))
    for day in range(measure.shape[1]):
        total += np.where(recent[:, day], measure[:, day], 0.0)
    mean = total / np.maximum(recent.sum(axis=1), 1)
    low: Bools = measure < share * mean[:, None]
    return eligible & low


def _rank(among: Bools, measure: Float64s) -> Int64s:
    """(H, K) 0 for the highest of these days; of equal ones the later comes first. Other days rank last."""
    order = np.argsort(np.where(among, -measure, np.inf)[:, ::-1], axis=1, kind="stable")
    rank = np.empty_like(order)
    np.put_along_axis(rank, order, np.arange(order.shape[1])[None, :], axis=1)
    return rank[:, ::-1]


def _fill(found: Candidates, missing: Int64s) -> Bools:
    usable = found.event & found.complete
    return usable & (_rank(usable, found.measure) < missing[:, None])


def _ranked(looked_at: Bools, measure: Float64s, kind: DayClass, count: Int64s) -> Bools:
    if kind.pick is Pick.ALL:
        return looked_at
    rank, keep = _rank(looked_at, measure), kind.days if kind.keep is None else kind.keep
    if kind.pick is Pick.HIGHEST:
        kept = rank < keep
    elif kind.pick is Pick.LOWEST:
        kept = rank >= (count - keep)[:, None]
    else:
        dropped = (kind.days - keep) // 2
        kept = (rank >= dropped) & (rank < (count - dropped)[:, None])
    return looked_at & kept
