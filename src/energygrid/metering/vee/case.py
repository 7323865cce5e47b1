"""One series to examine: its readings, what is known of its meter, and which intervals are in question. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from energygrid.metering.readings import Bools
from energygrid.metering.series import Series
from energygrid.metering.vee.estimation import Bracket
from energygrid.metering.vee.findings import Finding
from energygrid.metering.vee.settings import MeterFacts, VeeSettings
from energygrid.metering.vee.stretch import Stretch

REACH_DAYS = 45
"""How far a gap, or a register bracket with a gap, is followed out of the touched span."""


@dataclass(frozen=True, slots=True)
class Case:
    """Everything an examination looks at.

    stretch         the readings around the span
    touched         the span to examine, epoch seconds
    before          readings further back, a year before the span; may be empty
    earlier         stored findings of the rules `EXAMINED` that touch the stretch
    """

    series: Series
    stretch: Stretch
    touched: tuple[int, int]
    before: Stretch
    registers: Sequence[Bracket]
    earlier: Sequence[Finding]
    settings: VeeSettings
    facts: MeterFacts
    now: datetime


def scope(case: Case) -> tuple[int, int]:
    """Positions `[low, high)` to examine.

    The touched local days, the gaps that reach out of them, and the register brackets that hold such a gap.
    """
    stretch = case.stretch
    low, high = stretch.between(*case.touched)
    if low == high:
        return low, low
    low = int(np.searchsorted(stretch.day, stretch.day[low]))
    high = int(np.searchsorted(stretch.day, stretch.day[high - 1], side="right"))
    furthest = int(np.searchsorted(stretch.day, stretch.day[low] - REACH_DAYS))
    while True:
        wider = _with_brackets(case, *_with_gaps(stretch, low, high, furthest))
        if wider == (low, high):
            return wider
        low, high = wider


def _with_gaps(stretch: Stretch, low: int, high: int, furthest: int) -> tuple[int, int]:
    measured = np.flatnonzero(~stretch.unmeasured)
    before, after = np.searchsorted(measured, [low, high]).tolist()
    if before > 0:
        low = min(low, max(int(measured[before - 1]) + 1, furthest))
    if after < len(measured):
        high = int(measured[after])
    return low, high


def _with_brackets(case: Case, low: int, high: int) -> tuple[int, int]:
    for bracket in case.registers:
        first, last = case.stretch.between(bracket.start, bracket.end)
        inside = case.stretch.unmeasured[max(first, low) : min(last, high)]
        if inside.any():
            low, high = min(first, low), max(last, high)
    return low, high


def due(stretch: Stretch) -> Bools:
    """Intervals between the first and the last measured one: those of them that are missing are gaps."""
    measured = np.flatnonzero(~stretch.unmeasured)
    mask = np.zeros(len(stretch.start), np.bool_)
    if measured.size:
        mask[measured[0] : measured[-1]] = True
    return mask


def overdue(case: Case) -> Bools:
    """The rest of the last measured local day, once it is late.

    Found, but not estimated: the meter may have been taken away. The next reading makes a gap of it like any other.
    """
    stretch = case.stretch
    measured = np.flatnonzero(~stretch.unmeasured)
    mask: Bools = stretch.end <= case.now.timestamp() - case.settings.lateness_h * 3600
    if not measured.size:
        return np.zeros_like(mask)
    last = int(measured[-1])
    mask[: last + 1] = False
    mask[int(np.searchsorted(stretch.day, stretch.day[last], side="right")) :] = False
    return mask
