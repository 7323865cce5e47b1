"""Charts: what is made up of others is drawn over them and never added to them."""

import json
from datetime import date
from typing import cast

import numpy as np
import pytest

from energygrid.greenbutton.entitlement import SharedMeter
from energygrid.greenbutton.own.usage import Chart
from energygrid.metering.grid import Readings
from energygrid.metering.quality import Quality
from energygrid.metering.readings import Commodity, Flow, Kind
from energygrid.metering.series import Series
from energygrid.surfaces.portal.drawing import draw
from energygrid.surfaces.portal.figures import Figure, day_figure

DAY = date(2026, 1, 5)
MIDNIGHT = 1_767_571_200


def figure(**values: float) -> Figure:
    """Of a day of two hours' readings of each flow, the second of them a gap."""
    flows = [Flow(each) for each in values]
    series = tuple(
        Series(1, place, "meter", "E1", Commodity.ELECTRICITY, flow, Kind.ENERGY, "kWh", 3600, "", 0, "UTC")
        for place, flow in enumerate(flows)
    )
    chart = Chart(cast("SharedMeter", None), Commodity.ELECTRICITY, Kind.ENERGY, "kWh", 3600, "UTC", series)
    start = np.array([MIDNIGHT, MIDNIGHT + 3600])
    quality = np.array([Quality.ACTUAL, Quality.MISSING], np.uint8)
    readings = [Readings(start, np.array([value, np.nan]), quality, None) for value in values.values()]
    return day_figure(chart, readings, DAY)


@pytest.mark.parametrize(
    ("values", "marks"),
    [
        ({"delivered": 3.0, "received": 1.0, "net": 2.0}, ["net"]),
        ({"delivered": 3.0, "net": 2.0, "total": 4.0}, ["net", "total"]),
        ({"received": 1.0, "net": -1.0}, ["net"]),
        ({"net": -1.0}, []),
        ({"delivered": 3.0, "received": 1.0}, []),
    ],
)
def test_net_is_marked_over_the_bars_it_is_made_of(values: dict[str, float], marks: list[str]) -> None:
    made = figure(**values)
    drawn = {each["flow"]: each for each in json.loads(made.data())["traces"]}
    assert [flow for flow, each in drawn.items() if each["over"]] == marks
    assert all(each["y"][1] is None for each in drawn.values())
    stacked = [each["y"][0] for flow, each in drawn.items() if flow not in marks]
    highest = [value for flow, value in values.items() if flow not in marks]
    assert sum(value for value in stacked if value > 0) == max(0.0, *highest)
    for rect in draw(made).rects:
        assert (rect.height == 2.0) == (rect.kind.split()[0] in marks)
