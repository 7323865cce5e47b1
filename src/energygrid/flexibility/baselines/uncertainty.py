"""How sure a baseline is: quantiles from what it got wrong on placebo days.

A residual is actual - baseline of one placebo day and interval. The quantiles of n residuals are the order statistics
of split conformal prediction: the 90 % one is the ceil(0.9 (n + 1))th smallest, the 10 % one the floor(0.1 (n + 1))th,
so that a new day lies between them at least as often as they say, given nine days or more that are exchangeable.
"""

import numpy as np

from energygrid.metering.readings import Bools, Float64s, Int64s

TENTHS = (1, 5, 9)
"""The quantiles there are: 10, 50 and 90 %."""
LEAST_DAYS = 9


def of_portfolio(baseline: Float64s, residuals: Float64s) -> tuple[Float64s, int]:
    """(3, n) quantiles of the sum of assets, and from how many days.

    Days are drawn for all assets together, so that what they have in common (a cold evening) is kept. An asset without
    a residual on a day counts as the others did, by its baseline. baseline (H, n), residuals (H, P, n).
    """
    present: Bools = np.asarray(~np.isnan(residuals).any(axis=2))
    shared = present.any(axis=0)
    total = baseline.sum(axis=0)
    summed = np.where(present[:, :, None], residuals, 0.0).sum(axis=0)[shared]
    covered = (present[:, :, None] * baseline[:, None, :]).sum(axis=0)[shared]
    scale = np.divide(total, covered, out=np.ones_like(covered), where=covered > 0)
    ordered = np.sort(summed * scale, axis=0)
    count = np.array([len(ordered)])
    return total + _order_statistics(ordered[None], count)[:, 0], len(ordered)


def coverage(residuals: Float64s) -> Float64s:
    """(H,) how often an asset stays between its 10 and 90 % quantiles: those of the older half of the days, tried on
    the intervals of the newer half. NaN with less than nine older days.

    residuals  (H, P, n), the oldest day first, NaN for no day
    """
    present: Bools = np.asarray(~np.isnan(residuals).any(axis=2))
    half = residuals.shape[1] // 2
    count = np.count_nonzero(present[:, :half], axis=1).astype(np.int64)
    older = np.sort(np.where(present[:, :half, None], residuals[:, :half], np.inf), axis=1)
    low, _, high = _order_statistics(older, np.where(count >= LEAST_DAYS, count, 0))
    newer, tried = residuals[:, half:], present[:, half:, None]
    inside = np.count_nonzero((newer >= low[:, None]) & (newer <= high[:, None]) & tried, axis=(1, 2))
    possible = np.where(count >= LEAST_DAYS, np.count_nonzero(present[:, half:], axis=1) * residuals.shape[2], 0)
    share: Float64s = np.divide(inside, possible, out=np.full(len(residuals), np.nan), where=possible > 0)
    return share


def _order_statistics(ordered: Float64s, count: Int64s) -> Float64s:
    """(q, H, n) from residuals (H, P, n) of which the first `count` are there; NaN without any."""
    found = np.full((len(TENTHS), len(ordered), ordered.shape[2]), np.nan)
    some = np.flatnonzero(count)
    n = count[some]
    places = {1: ((n + 1) // 10, (n + 1) // 10), 5: ((n + 1) // 2, n // 2 + 1), 9: (-(-9 * (n + 1) // 10),) * 2}
    for at, share in enumerate(TENTHS):
        low, high = (np.clip(place, 1, n) - 1 for place in places[share])
        found[at, some] = (ordered[some, low] + ordered[some, high]) / 2
    return found
