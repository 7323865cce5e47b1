"""What the feed must say, from the store itself: no part of the way from there to a third party is used here."""

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from tests.conformance.conftest import World

from energygrid.greenbutton.sandbox import household
from energygrid.metering.calendar import Span
from energygrid.metering.quality import Quality
from energygrid.metering.readings import Commodity, Flow, Kind
from energygrid.metering.series import series_of_owners
from energygrid.metering.store import read_many

CODES = {
    (Commodity.ELECTRICITY, Flow.DELIVERED): ("1", "1"),
    (Commodity.ELECTRICITY, Flow.RECEIVED): ("1", "19"),
    (Commodity.ELECTRICITY, Flow.NET): ("1", "4"),
    (Commodity.GAS, Flow.DELIVERED): ("7", "1"),
    (Commodity.WATER, Flow.DELIVERED): ("9", "1"),
}
"""Commodity and flowDirection on the wire: contracts/greenbutton.md 1.2."""
PER_UNIT = {"kWh": 1000.0, "ccf": 100.0, "gal": 1.0}
"""How many Wh, cubic feet and US gallons each is."""


@dataclass(frozen=True)
class Stored:
    """starts [s since 1970] and values in Wh, ft3 or US gallons, of every reading that is there."""

    starts: list[int]
    values: list[float]
    interval_s: int


def stored(world: World) -> dict[tuple[str, str], Stored]:
    """By commodity and flowDirection."""
    meters = [household.ELECTRIC, household.GAS, household.WATER]
    series = world.services.database.read(series_of_owners, world.tenant.id, meters)
    intervals = [each for each in series if each.interval_s and each.kind in {Kind.ENERGY, Kind.VOLUME}]
    span = Span(datetime(2020, 1, 1, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC))
    found = {}
    for each, readings in zip(intervals, world.services.database.read(read_many, intervals, span), strict=True):
        there = (readings.quality != Quality.MISSING) & ~np.isnan(readings.value)
        values = readings.value[there] * PER_UNIT[each.unit]
        found[CODES[each.commodity, each.flow]] = Stored(
            readings.start[there].tolist(), values.tolist(), each.interval_s
        )
    return found
