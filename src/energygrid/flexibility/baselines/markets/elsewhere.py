"""Belgium, and the methods that need no market."""

from dataclasses import replace
from datetime import time

from energygrid.flexibility.baselines.markets import (
    before,
    non_working,
    two_types,
    working,
)
from energygrid.flexibility.baselines.rule_set import (
    Adjust,
    Adjustment,
    Method,
    Pick,
    RankOn,
    RuleSet,
)


def high_x_of_y(
    on_working: tuple[int, int], on_other: tuple[int, int], adjustment_h: tuple[float, float] | None, version: int
) -> RuleSet:
    """Elia's High X of Y with its parameters: (X, Y) of working and of other days, and from how many to how many
    hours before the start the profile is adjusted.
    """
    return RuleSet(
        id="ELIA_HIGH_X_OF_Y",
        version=version,
        title=f"Elia High X of Y: {'/'.join(map(str, on_working))} working days, {'/'.join(map(str, on_other))} others",
        method=Method.DAY_MATCH,
        source="Elia, baseline methodology study, 2021",
        unconfirmed=("days", "minimum", "keep", "lookback_days", "rank_on", "shortfall", "adjustment"),
        jurisdiction="BE",
        zone="Europe/Brussels",
        interval_min=15,
        day_types=two_types(
            working(on_working[1], on_working[0], Pick.HIGHEST, on_working[0]),
            non_working(on_other[1], on_other[0], Pick.HIGHEST, on_other[0]),
        ),
        lookback_days=60,
        rank_on=RankOn.EVENT_WINDOW,
        adjustment=Adjustment(Adjust.ADD, (before(*adjustment_h),)) if adjustment_h else None,
    )


ELIA_HIGH_X_OF_Y = high_x_of_y((4, 5), (2, 3), (4, 1), version=1)

NOMINATED = RuleSet(
    id="NOMINATED",
    version=1,
    title="Nominated: a curve the provider files by noon of the day before",
    method=Method.NOMINATED,
    source="ElectronConnect help (SSEN): deadline 12:00 the day ahead",
    unconfirmed=(),
    jurisdiction="GB-ENG",
    deadline=time(12),
)
FIXED = RuleSet(
    id="FIXED",
    version=1,
    title="Fixed reference: a half-hourly profile of the kind of asset, times the number of assets",
    method=Method.FIXED,
    source="ElectronConnect help: distribution operators' reference profiles",
    unconfirmed=(),
    jurisdiction="GB-ENG",
)
ZERO = replace(FIXED, id="ZERO", title="Zero: everything used counts", method=Method.ZERO, source="By definition")
CONTROL_GROUP = RuleSet(
    id="CONTROL_GROUP",
    version=1,
    title="Control group: difference in differences with assets that were not called",
    method=Method.CONTROL_GROUP,
    source="CAISO control group settlement; comparison groups of OpenDSM",
    unconfirmed=("at least 150 controls", "bias within 1.5 % at 90 %"),
    jurisdiction="GB-ENG",
    base="BL01_NO_IDA",
)
