"""What registers say about intervals: the brackets that estimates are fitted to, and rule V09. Pure."""

from collections.abc import Sequence

import numpy as np

from energygrid.metering.quality import Quality
from energygrid.metering.readings import Float64s, Int64s, UInt8s
from energygrid.metering.vee.estimation import Bracket
from energygrid.metering.vee.findings import Hits
from energygrid.metering.vee.stretch import Stretch

_NOT_READ = (Quality.MISSING, Quality.ESTIMATED)


def brackets(at: Int64s, value: Float64s, quality: UInt8s) -> list[Bracket]:
    """Differences between consecutive register reads (n,), oldest first.

    Estimated reads are left out. A register that fell has rolled over or was exchanged: that pair says nothing.
    """
    read = ~np.isin(quality, _NOT_READ) & ~np.isnan(value)
    at, value = at[read], value[read]
    difference = np.diff(value)
    counted = np.flatnonzero(difference >= 0)
    return [Bracket(int(at[i]), int(at[i + 1]), float(difference[i])) for i in counted.tolist()]


def sum_check(
    stretch: Stretch, registers: Sequence[Bracket], multiplier: float, multipliers: float, share: float
) -> Hits:
    """V09: the intervals between two register reads against the difference of the reads.

    Limit: the greater of `multipliers` x `multiplier` and `share` of the difference. Measured: how far they are apart.
    Brackets with an interval that was not measured are passed over. Where a register was read within an interval, the
    interval's energy is taken to flow evenly.
    """
    if not registers or not stretch.start.size:
        return Hits(*np.zeros((2, 0), np.int64), *np.zeros((2, 0)))
    times = np.array([(b.start, b.end) for b in registers], np.int64)
    difference = np.array([b.difference for b in registers], np.float64)
    inside = (times[:, 0] >= stretch.start[0]) & (times[:, 1] <= stretch.end[-1])
    low = np.searchsorted(stretch.end, times[:, 0], side="right")
    high = np.searchsorted(stretch.start, times[:, 1], side="left")
    holes = np.concatenate(([0], np.cumsum(stretch.unmeasured)))
    complete = inside & (holes[np.maximum(high, low)] == holes[low])
    counted = _counted(stretch, times[:, 1]) - _counted(stretch, times[:, 0])
    apart = np.abs(counted - difference)
    limit = np.maximum(multipliers * multiplier, share * difference)
    failed = complete & (apart > limit)
    return Hits(low[failed], high[failed], apart[failed], limit[failed])


def _counted(stretch: Stretch, at: Int64s) -> Float64s:
    """What the intervals add up to from the stretch's start to each instant."""
    total = np.concatenate(([0.0], np.cumsum(np.where(stretch.unmeasured, 0.0, stretch.value))))
    counted: Float64s = np.interp(at, np.append(stretch.start, stretch.end[-1]), total)
    return counted
