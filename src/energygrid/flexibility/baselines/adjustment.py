"""In-day adjustment: the reference profile moved to the level of the event day.

ADD    a = mean of (actual - profile) over the windows;       baseline = profile + a
RATIO  r = sum of actual / sum of profile over the windows;   baseline = profile * r; r = 1 if the profile sums to 0
                                                               (in the six places that are published)

Both are taken over the intervals that have a reading; how many have none is told. Without any, nothing is adjusted.
"""

import numpy as np

from energygrid.flexibility.baselines.rule_set import Adjust, Adjustment, Sign
from energygrid.metering.readings import Float64s, Int64s

_NOTHING = 0.5e-6


def factor(rule: Adjustment, actual: Float64s, profile: Float64s) -> tuple[Float64s, Int64s]:
    """Shift or ratio (H,), and how many intervals lack a reading (H,), from two (H, w) over the windows."""
    present = ~(np.isnan(actual) | np.isnan(profile))
    used, base, count = np.zeros((3, len(actual)))
    for at in range(actual.shape[1]):
        used += np.where(present[:, at], actual[:, at], 0.0)
        base += np.where(present[:, at], profile[:, at], 0.0)
        count += present[:, at]
    if rule.how is Adjust.ADD:
        change = (used - base) / np.maximum(count, 1)
    else:
        change = np.divide(used, base, out=np.ones_like(used), where=np.abs(base) > _NOTHING)
    if rule.cap is not None:
        change = np.clip(change, *rule.cap)
    if rule.sign is Sign.UP_ONLY:
        change = np.maximum(change, neutral(rule))
    change[count == 0] = neutral(rule)
    return change + 0.0, np.isnan(actual).sum(axis=1)


def apply(rule: Adjustment, profile: Float64s, change: Float64s) -> Float64s:
    return profile + change[:, None] if rule.how is Adjust.ADD else profile * change[:, None]


def neutral(rule: Adjustment | None) -> float:
    """What leaves a profile as it is."""
    return 1.0 if rule is not None and rule.how is Adjust.RATIO else 0.0
