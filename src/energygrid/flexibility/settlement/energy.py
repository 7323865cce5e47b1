"""Energy in whole millionths of a kWh: what is stored and published, and what settlement reckons with.

A baseline is rounded once, when it becomes a figure of a settlement. From there on all sums are exact, so that the
lines of a statement add up, assets add up to portfolios in any order, and whoever has the published figures gets the
same result.
"""

from collections.abc import Iterable
from decimal import Decimal

import numpy as np

from energygrid.metering.readings import Float64s, Int64s

MICRO = 1_000_000
DISPLAYED = Decimal("0.001")


def micro(kwh: Float64s) -> Int64s:
    """Half to even; 0 where there is no value."""
    return np.rint(np.nan_to_num(kwh, nan=0.0) * MICRO).astype(np.int64)


def kwh(of: int) -> Decimal:
    """With its six places: 341000 is 0.341000."""
    return Decimal(int(of)).scaleb(-6)


def kwhs(of: Iterable[int]) -> list[Decimal]:
    return [kwh(each) for each in of]
