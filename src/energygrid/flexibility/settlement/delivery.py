"""What was delivered: baseline against readings, floored and capped.

Turning down, raw = baseline - actual of import and actual - baseline of export; turning up, the other way round.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

import numpy as np

from energygrid.flexibility.baselines.rule_set import Floor
from energygrid.flexibility.settlement.energy import micro
from energygrid.metering.readings import Bools, Float64s, Int64s


class Direction(StrEnum):
    TURN_DOWN = "TURN_DOWN"
    TURN_UP = "TURN_UP"


class Metering(StrEnum):
    """What counts: import alone, import less export, or each on its own with its own floor."""

    IMPORT = "IMPORT"
    NET = "NET"
    SEPARATE = "SEPARATE"


@dataclass(frozen=True, slots=True)
class Terms:
    """
    floor            PER_INTERVAL: no interval below zero; EVENT: no event below zero; NET: below zero is owed
    cap_at_baseline  no more than the (positive) baseline of an interval: for assets that only import
    """

    direction: Direction = Direction.TURN_DOWN
    floor: Floor = Floor.PER_INTERVAL
    metering: Metering = Metering.IMPORT
    cap_at_baseline: bool = False


class Pair(NamedTuple):
    """(H, n) kWh of one flow; NaN: no value."""

    baseline: Float64s
    actual: Float64s


@dataclass(frozen=True, slots=True)
class Channel:
    """`import`, `export` or `net`, all (H, n) in millionths of a kWh. `floored` has its floor and `cap_at_baseline`."""

    name: str
    baseline: Int64s
    actual: Int64s
    raw: Int64s
    floored: Int64s


@dataclass(frozen=True, slots=True)
class Delivery:
    """In millionths of a kWh.

    counted   (H, n) the sum of the channels, at most what settling was told to count
    total     (H,) the sum of `counted`, after the floor of the event
    complete  (H,) whether every value was there; without them an asset counts as 0
    """

    terms: Terms
    channels: tuple[Channel, ...]
    counted: Int64s
    total: Int64s
    complete: Bools


def deliver(terms: Terms, imported: Pair, exported: Pair | None = None) -> Delivery:
    """Of H assets over n intervals; `exported` is needed for NET and SEPARATE."""
    flows = [imported] if terms.metering is Metering.IMPORT else [imported, exported]
    complete = np.ones(len(imported.actual), np.bool_)
    figures = []
    for flow in flows:
        if flow is None:
            raise ValueError(f"{terms.metering} needs the exported energy")
        complete &= ~(np.isnan(flow.baseline) | np.isnan(flow.actual)).any(axis=1)
        figures.append((micro(flow.baseline), micro(flow.actual)))
    for figure in figures:
        for values in figure:
            values[~complete] = 0
    return settle(terms, figures, complete)


def settle(terms: Terms, figures: list[tuple[Int64s, Int64s]], complete: Bools, most: int | None = None) -> Delivery:
    """From figures already rounded: (baseline, actual) of import and, where it counts, of export.

    most  no more than these millionths of a kWh count of an interval
    """
    if terms.metering is Metering.NET:
        (taken, given) = figures
        channels = [_channel("net", terms, taken[0] - given[0], taken[1] - given[1])]
    else:
        channels = [_channel(name, terms, *each) for name, each in zip(("import", "export"), figures, strict=False)]
    counted = np.sum([channel.floored for channel in channels], axis=0)
    if most is not None:
        counted = np.minimum(counted, most)
    counted[~complete] = 0
    total = counted.sum(axis=1)
    if terms.floor is Floor.EVENT:
        total = np.maximum(total, 0)
    return Delivery(terms, tuple(channels), counted, total, complete)


def _channel(name: str, terms: Terms, baseline: Int64s, actual: Int64s) -> Channel:
    saved = (terms.direction is Direction.TURN_DOWN) != (name == "export")
    raw = baseline - actual if saved else actual - baseline
    floored = np.maximum(raw, 0) if terms.floor is Floor.PER_INTERVAL else raw
    if terms.cap_at_baseline and saved:
        floored = np.minimum(floored, np.maximum(baseline, 0))
    return Channel(name, baseline, actual, raw, floored)


@dataclass(frozen=True, slots=True)
class Portfolio:
    """Both ways to settle many assets; floors are not additive, so the two differ and are never mixed.

    Portfolios of disjoint assets add up, exactly and in any order: settle fleets in parts.

    assets         how many were settled
    sum_of_assets  what the assets delivered, each after its own floors and caps
    figures        (baseline, actual) (1, n) of each flow, summed over the assets
    """

    assets: int
    sum_of_assets: int
    figures: tuple[tuple[Int64s, Int64s], ...]

    @classmethod
    def of(cls, delivery: Delivery) -> "Portfolio":
        """Incomplete assets are left out."""
        kept = delivery.complete
        summed = tuple((_total(each.baseline[kept]), _total(each.actual[kept])) for each in delivery.channels)
        return cls(int(kept.sum()), int(delivery.total[kept].sum()), summed)

    def __add__(self, other: "Portfolio") -> "Portfolio":
        both = zip(self.figures, other.figures, strict=True)
        figures = tuple((mine[0] + theirs[0], mine[1] + theirs[1]) for mine, theirs in both)
        return Portfolio(self.assets + other.assets, self.sum_of_assets + other.sum_of_assets, figures)

    def at_portfolio(self, terms: Terms, most: int | None = None) -> Delivery:
        """What the portfolio delivered as if it were one asset: floors and caps after the sum. `most`: see `settle`."""
        figures = list(self.figures)
        if terms.metering is Metering.NET:
            figures.append((np.zeros_like(figures[0][0]), np.zeros_like(figures[0][1])))
        return settle(terms, figures, np.ones(1, np.bool_), most)


def _total(values: Int64s) -> Int64s:
    total: Int64s = values.sum(axis=0, keepdims=True)
    return total
