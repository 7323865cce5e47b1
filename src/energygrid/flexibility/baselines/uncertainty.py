"""How sure a baseline is: quantiles from what it got wrong on placebo days.

A residual is actual - baseline of one placebo day and interval. The quantiles of n residuals are the order statistics
of split conformal prediction: the 90 % one is the ceil(0.9 (n + 1))th smallest, the 10 % one the floor(0.1 (n + 1))th,
so that a new day lies between them at least as often as they say, given nine days or more that are exchangeable. An
asset with less than 20 days leans on the pool of all assets, whose residuals are relative to each asset's mean load.
"""

from dataclasses import dataclass

import numpy as np

from energygrid.metering.readings import Bools, Float64s, Int64s

TENTHS = (1, 5, 9)
"""The quantiles there are: 10, 50 and 90 %."""
ENOUGH_DAYS = 20


@dataclass(frozen=True, slots=True)
class Pool:
    """(q, n) relative quantiles of all assets' residuals, and (m, n) the residuals themselves, sorted."""

    quantiles: Float64s
    relative: Float64s


def pool(residuals: Float64s, load: Float64s) -> Pool:
    """Of a fleet: residuals (H, P, n), NaN for no day; `load` (H,) mean kWh an interval. Assets without load are left
    out. The order of the assets does not matter.
    """
    kept = load > 0
    relative = (residuals[kept] / load[kept, None, None]).reshape(-1, residuals.shape[2])
    ordered = np.sort(relative[~np.isnan(relative).any(axis=1)], axis=0)
    count = np.array([len(ordered)])
    return Pool(_order_statistics(ordered[None], count)[:, 0], ordered)


def quantiles(baseline: Float64s, residuals: Float64s, load: Float64s, fleet: Pool) -> Float64s:
    """(3, H, n): what the assets would have used at 10, 50 and 90 %, around the baseline (H, n); never crossing.

    residuals  (H, P, n), see `pool`
    """
    present: Bools = np.asarray(~np.isnan(residuals).any(axis=2))
    count = np.count_nonzero(present, axis=1).astype(np.int64)
    ordered = np.sort(np.where(present[:, :, None], residuals, np.inf), axis=1)
    own = _order_statistics(ordered, count)
    weight: Float64s = np.minimum(count / ENOUGH_DAYS, 1.0)[None, :, None]
    pooled = fleet.quantiles[:, None, :] * load[None, :, None]
    both = np.where(count[None, :, None] > 0, weight * own, 0.0) + np.where(weight < 1, (1 - weight) * pooled, 0.0)
    spread: Float64s = np.sort(both, axis=0)
    return baseline + spread


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


def chance_delivered(delivered: Float64s, residuals: Float64s, *, turn_up: bool = False) -> Float64s:
    """(H,) share of placebo days by whose residuals the delivery of the whole event stays above zero; NaN without days.

    delivered  (H,) kWh, baseline - actual (turning up: actual - baseline), before floors
    """
    error = residuals.sum(axis=2)
    present = ~np.isnan(error)
    above = delivered[:, None] + (-error if turn_up else error) > 0
    count = np.count_nonzero(present, axis=1)
    share: Float64s = np.divide(
        np.count_nonzero(above & present, axis=1), count, out=np.full(len(delivered), np.nan), where=count > 0
    )
    return share


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


def coverage(low: Float64s, high: Float64s, actual: Float64s) -> float:
    """Share of actual values within `[low, high]`; NaN values are left out."""
    inside: Bools = (actual >= low) & (actual <= high)
    return _mean(inside[~np.isnan(actual)].astype(np.float64))


def pinball(share: float, forecast: Float64s, actual: Float64s) -> float:
    """Mean pinball loss [kWh] of a quantile: what is above it costs `share`, what is below 1 - `share`."""
    above = actual - forecast
    loss = np.maximum(share * above, (share - 1) * above)
    return _mean(loss[~np.isnan(loss)])


def _mean(values: Float64s) -> float:
    return float(values.mean()) if values.size else float("nan")
