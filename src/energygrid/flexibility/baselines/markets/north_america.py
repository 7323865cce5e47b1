"""CAISO, PJM, NYISO, ERCOT."""

from dataclasses import replace

from energygrid.flexibility.baselines.markets import (
    THREE_HOURS,
    WORKDAYS,
    after,
    before,
    non_working,
    two_types,
    working,
)
from energygrid.flexibility.baselines.rule_set import (
    Adjust,
    Adjustment,
    DayClass,
    DayTypes,
    Holidays,
    Method,
    Pick,
    RankOn,
    RuleSet,
    Shortfall,
)

CAISO_10_OF_10 = RuleSet(
    id="CAISO_10_OF_10",
    version=1,
    title="CAISO day matching: 10 of 10 weekdays, 4 of 4 weekend days and holidays",
    method=Method.DAY_MATCH,
    source="CAISO tariff and Baseline Accuracy Work Group, 2017",
    unconfirmed=("lookback_days", "minimum", "shortfall", "adjustment window"),
    jurisdiction="US-NERC",
    zone="America/Los_Angeles",
    interval_min=60,
    day_types=two_types(working(10, 5), non_working(4, 4)),
    lookback_days=45,
    rank_on=RankOn.EVENT_WINDOW,
    shortfall=Shortfall.EVENT_DAYS,
    adjustment=Adjustment(Adjust.RATIO, THREE_HOURS, (0.8, 1.2)),
)
CAISO_5_OF_10 = replace(
    CAISO_10_OF_10,
    id="CAISO_5_OF_10",
    title="CAISO residential: highest 5 of 10 weekdays, highest 3 of 5 weekend days and holidays",
    source="PG&E Power Saver Rewards questions and answers (day counts); CAISO tariff",
    unconfirmed=("lookback_days", "minimum", "weights", "shortfall", "adjustment window", "adjustment cap"),
    day_types=two_types(
        working(10, 5, Pick.HIGHEST, 5),
        replace(non_working(5, 4, Pick.HIGHEST, 3), weights=(0.5, 0.3, 0.2)),
    ),
    adjustment=Adjustment(Adjust.RATIO, (before(4, 2), after(2, 4)), (0.71, 1.4)),
)

PJM_3_DAY_TYPES = RuleSet(
    id="PJM_3_DAY_TYPES",
    version=1,
    title="PJM economic: three day types with symmetric additive adjustment",
    method=Method.DAY_MATCH,
    source="PJM Manual 11, customer baseline load",
    unconfirmed=("days", "minimum", "keep", "lookback_days", "rank_on", "low_usage", "shortfall", "adjustment window"),
    jurisdiction="US-NERC",
    zone="America/New_York",
    interval_min=60,
    day_types=DayTypes(
        (
            DayClass("WEEKDAY", WORKDAYS, 5, 4, Pick.HIGHEST, 4),
            DayClass("SATURDAY", (5,), 3, 2, Pick.HIGHEST, 2),
            DayClass("SUNDAY_HOLIDAY", (6,), 3, 2, Pick.HIGHEST, 2),
        ),
        Holidays.OWN_CLASS,
        "SUNDAY_HOLIDAY",
    ),
    lookback_days=60,  # 45, and 60 if these are not enough: days are taken latest first, which comes to the same
    low_usage=0.25,
    adjustment=Adjustment(Adjust.ADD, THREE_HOURS),
)
PJM_SAME_DAY = RuleSet(
    id="PJM_SAME_DAY",
    version=1,
    title="PJM Same Day (3+2): the level of the hours around the event",
    method=Method.SAME_DAY,
    source="PJM, summary of residential baseline methods",
    unconfirmed=(),
    jurisdiction="US-NERC",
    zone="America/New_York",
    interval_min=60,
    windows=(before(4, 1), after(1, 3)),
)

NYISO_5_OF_10 = RuleSet(
    id="NYISO_5_OF_10",
    version=1,
    title="NYISO average-day CBL: highest 5 of 10 weekdays, 2 of 3 weekend days",
    method=Method.DAY_MATCH,
    source="NYISO Emergency Demand Response Program Manual, customer baseline load",
    unconfirmed=("days", "minimum", "keep", "lookback_days", "holidays", "low_usage", "shortfall", "adjustment"),
    jurisdiction="US-NERC",
    zone="America/New_York",
    interval_min=60,
    day_types=two_types(
        working(10, 5, Pick.HIGHEST, 5), non_working(3, 2, Pick.HIGHEST, 2), holidays=Holidays.EXCLUDED
    ),
    lookback_days=30,
    rank_on=RankOn.EVENT_WINDOW,
    low_usage=0.25,
    adjustment=Adjustment(Adjust.RATIO, (before(4, 2),), (0.8, 1.2)),
)

ERCOT_MID_8_OF_10 = RuleSet(
    id="ERCOT_MID_8_OF_10",
    version=1,
    title="ERCOT mid 8 of 10 like days with a scalar adjustment",
    method=Method.DAY_MATCH,
    source="ERCOT Emergency Response Service, default baseline methodologies",
    unconfirmed=("lookback_days", "minimum", "shortfall", "adjustment window"),
    jurisdiction="US-NERC",
    zone="America/Chicago",
    interval_min=15,
    day_types=two_types(working(10, 5, Pick.MIDDLE, 8), non_working(10, 5, Pick.MIDDLE, 8)),
    lookback_days=60,
    adjustment=Adjustment(Adjust.RATIO, (before(3, 1),)),
)
