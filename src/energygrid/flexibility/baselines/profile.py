"""What a reference profile is: the mean (or median) of the picked days, half-hour by half-hour."""

import numpy as np

from energygrid.flexibility.baselines.rule_set import Average, DayClass
from energygrid.metering.readings import Bools, Float64s, Int64s


def profile(values: Float64s, picked: Bools, kind: DayClass) -> Float64s:
    """(H, n) from values (H, K, n) of K days, oldest first, of which `picked` (H, K) count; NaN where none does."""
    if kind.average is Average.MEDIAN:
        return _median(values, picked)
    weights = _weights(picked, kind)
    total, mass = np.zeros((values.shape[0], values.shape[2])), np.zeros(values.shape[0])
    for day in range(values.shape[1]):  # one by one: the same order of sums for however many assets
        chosen = picked[:, day]
        total += np.where(chosen[:, None], values[:, day] * weights[:, day, None], 0.0)
        mass += np.where(chosen, weights[:, day], 0.0)
    mass[mass == 0] = np.nan
    return total / mass[:, None]


def _weights(picked: Bools, kind: DayClass) -> Float64s:
    if not kind.weights:
        return np.ones(picked.shape)
    place: Int64s = np.cumsum(picked[:, ::-1], axis=1, dtype=np.int64)[:, ::-1]
    return np.append(0.0, kind.weights)[np.minimum(place, len(kind.weights))]


def _median(values: Float64s, picked: Bools) -> Float64s:
    ordered = np.sort(np.where(picked[:, :, None], values, np.inf), axis=1)
    count = picked.sum(axis=1)
    low, high = np.maximum(count - 1, 0) // 2, np.minimum(count // 2, values.shape[1] - 1)
    row = np.arange(len(values))
    middle: Float64s = (ordered[row, low] + ordered[row, high]) / 2
    middle[count == 0] = np.nan
    return middle
