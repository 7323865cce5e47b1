"""Great Britain: Elexon BL01 and what grew from it."""

from dataclasses import replace
from datetime import date

from energygrid.flexibility.baselines.markets import (
    THREE_HOURS,
    non_working,
    two_types,
    working,
)
from energygrid.flexibility.baselines.rule_set import (
    Adjust,
    Adjustment,
    AggregateAt,
    Average,
    Holidays,
    Method,
    Pick,
    RankOn,
    RuleSet,
    Shortfall,
)

BL01 = RuleSet(
    id="BL01",
    version=1,
    title="Elexon P376 BL01, with in-day adjustment",
    method=Method.DAY_MATCH,
    source="Elexon Baselining Methodology Document (P376, P415); NESO DFS Procurement Rules, Schedule 3 Part 3",
    unconfirmed=("all: as others have restated the rules",),
    jurisdiction="GB-ENG",
    day_types=two_types(working(10, 5), non_working(4, 4, Pick.MIDDLE, 2)),
    lookback_days=60,
    shortfall=Shortfall.OUTTURN,
    adjustment=Adjustment(Adjust.ADD, THREE_HOURS),
    aggregate_at=AggregateAt.PORTFOLIO,
)
BL01_NO_IDA = replace(BL01, id="BL01_NO_IDA", title="Elexon P376 BL01, without in-day adjustment", adjustment=None)

_DOMESTIC_SOURCE = "NESO DFS service documents of 2022 and 2023; trade press on the change of 27 October 2023"
_IDA_REMOVED = date(2023, 10, 27)
DFS_DOMESTIC = (
    replace(
        BL01,
        id="DFS_DOMESTIC",
        title="NESO Demand Flexibility Service, households: BL01 with in-day adjustment",
        source=_DOMESTIC_SOURCE,
        unconfirmed=(*BL01.unconfirmed, "effective_from"),
        effective_from=date(2022, 11, 1),
        effective_to=_IDA_REMOVED,
    ),
    replace(
        BL01_NO_IDA,
        id="DFS_DOMESTIC",
        version=2,
        title="NESO Demand Flexibility Service, households: BL01 without in-day adjustment",
        source=_DOMESTIC_SOURCE,
        unconfirmed=(
            *BL01.unconfirmed,
            "effective_to: whether in-day adjustment came back for households",
        ),
        effective_from=_IDA_REMOVED,
    ),
)

OCTOPUS_SS = replace(
    BL01_NO_IDA,
    id="OCTOPUS_SS",
    title="Octopus Saving Sessions: BL01 without bank holidays, weekends by the median",
    source="Two open clients of the supplier's app, read for their behaviour; not published by the supplier",
    unconfirmed=("all: as observed in the clients",),
    day_types=two_types(working(10, 5), replace(non_working(4, 4), average=Average.MEDIAN), holidays=Holidays.IGNORED),
    aggregate_at=AggregateAt.ASSET,
)

GB_MID_8_OF_10 = RuleSet(
    id="GB_MID_8_OF_10",
    version=1,
    title="GB local flexibility (ENA): mid 8 of 10",
    method=Method.DAY_MATCH,
    source="Energy Networks Association, common baselining methodology",
    unconfirmed=("lookback_days", "minimum", "keep", "rank_on", "holidays", "shortfall"),
    jurisdiction="GB-ENG",
    day_types=two_types(working(10, 5, Pick.MIDDLE, 8), non_working(4, 4, Pick.MIDDLE, 2), holidays=Holidays.EXCLUDED),
    lookback_days=60,
    rank_on=RankOn.EVENT_WINDOW,
)
GB_MID_8_OF_10_SDA = replace(
    GB_MID_8_OF_10,
    id="GB_MID_8_OF_10_SDA",
    title="GB local flexibility (ENA): mid 8 of 10, same-day adjustment",
    unconfirmed=(*GB_MID_8_OF_10.unconfirmed, "adjustment"),
    adjustment=Adjustment(Adjust.ADD, THREE_HOURS),
)
