"""What the feed says, read by others: the library of this house's own importer, and plain XML."""

from io import BytesIO

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree
from sqlalchemy import text as sql
from tests.greenbutton.usage.conftest import ATOM, ESPI, GRANTED, NAN, NOW, ZONE, Utility, at

from energygrid.greenbutton.feed import xml
from energygrid.greenbutton.window import Window
from energygrid.metering.importers import espi
from energygrid.metering.importers.options import ImportOptions
from energygrid.metering.quality import Quality
from energygrid.metering.readings import DAY_S, Commodity, Flow, Kind
from energygrid.metering.units import UNITS

START = at(2025, 10, 31, 4)


def imported(feed: bytes, point: str) -> dict[tuple[str, str, str, int], dict[int, tuple[float, int]]]:
    """By commodity, flow, unit and interval: start -> value and quality."""
    options = ImportOptions(now=NOW, zone=ZONE, meter_map={point: "m1"})
    found: dict[tuple[str, str, str, int], dict[int, tuple[float, int]]] = {}
    for step in espi.parse(BytesIO(feed), options):
        assert not step.rejects
        if step.readings is None:
            continue
        batch = step.readings
        rows = zip(
            batch.index.tolist(), batch.start.tolist(), batch.value.tolist(), batch.quality.tolist(), strict=True
        )
        for index, start, value, quality in rows:
            key = batch.series[index]
            assert key.meter_id == "m1"
            name = (str(key.commodity), str(key.flow), key.unit, key.interval_s)
            found.setdefault(name, {})[start] = (value, quality)
    return found


@pytest.mark.parametrize("unit", ["kWh", "Wh", "MWh"])
def test_our_importer_reads_back_what_is_stored(utility: Utility, unit: str) -> None:
    rng = np.random.default_rng(7)
    values = np.round(rng.normal(1, 2, 96 * 5), 3)
    values[rng.random(len(values)) < 0.1] = NAN
    marks = rng.choice([Quality.ACTUAL, Quality.ESTIMATED, Quality.SUSPECT], len(values), p=[0.8, 0.1, 0.1]).tolist()
    utility.customer([{"meterId": "m1"}])
    utility.readings("m1", START, values.tolist(), quality=marks, unit=unit)
    utility.readings("m1", START, values.tolist(), flow=Flow.RECEIVED, interval_s=3600, unit=unit)
    utility.readings("m1", at(2025, 10, 31), [11.25, NAN, 12.5, 13.75], interval_s=DAY_S, unit=unit)
    ctx = utility.share("m1")
    found = imported(b"".join(xml(utility.feed(ctx))), ctx.entitlement.meters[0].usage_point)
    factor = UNITS[unit].factor / UNITS["Wh"].factor
    there = np.flatnonzero(~np.isnan(values)).tolist()
    assert found["electricity", "delivered", "Wh", 900] == {
        START + n * 900: (pytest.approx(values[n] * factor, abs=1e-9), marks[n]) for n in there
    }
    assert set(found["electricity", "received", "Wh", 3600]) == {START + n * 3600 for n in there}
    assert [value for value, _ in found["electricity", "delivered", "Wh", DAY_S].values()] == [
        pytest.approx(each * factor) for each in (11.25, 12.5, 13.75)
    ]


def test_gas_and_water_come_back_in_their_units(utility: Utility) -> None:
    utility.customer([{"meterId": "m1", "meterType": "Gas", "unitOfMeasure": "ccf"}])
    gas = {"commodity": Commodity.GAS, "interval_s": 3600}
    utility.readings("m1", START, [0.5, 0.25], kind=Kind.VOLUME, unit="ccf", **gas)
    utility.readings("m1", START, [1.5, 1.25], unit="therm", **gas)
    ctx = utility.share("m1")
    found = imported(b"".join(xml(utility.feed(ctx))), ctx.entitlement.meters[0].usage_point)
    assert [value for value, _ in found["gas", "delivered", "ft3", 3600].values()] == [50.0, 25.0]
    assert [value for value, _ in found["gas", "delivered", "therm", 3600].values()] == [1.5, 1.25]


def test_register_reads_come_back(utility: Utility) -> None:
    utility.customer([{"meterId": "m1"}])
    utility.registers("m1", {START: 100.5, START + DAY_S: 101.125})
    ctx = utility.share("m1")
    options = ImportOptions(now=NOW, zone=ZONE, meter_map={ctx.entitlement.meters[0].usage_point: "m1"})
    steps = list(espi.parse(BytesIO(b"".join(xml(utility.feed(ctx)))), options))
    reads = [(at, value) for step in steps if (r := step.registers) for at, value in zip(r.at, r.value, strict=True)]
    assert reads == [(START, 100_500.0), (START + DAY_S, 101_125.0)]


@pytest.fixture
def emptied(utility: Utility) -> Utility:
    utility.customer([{"meterId": "m1"}])
    return utility


def _forget(utility: Utility) -> None:
    def forget(db) -> None:
        for table in ("reading_block", "reading_revision", "series"):
            db.execute(sql(f"DELETE FROM {table}"))

    utility.database.write(forget)


thousandths = st.integers(-(10**6), 10**9)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_the_readings_of_a_window_are_exactly_those_stored_in_it(emptied: Utility, data: st.DataObject) -> None:
    """Any readings on the grid, in any two deliveries, in any window: what stands in the XML is what was known last."""
    _forget(emptied)
    interval_s = data.draw(st.sampled_from([900, 1800, 3600]))
    slots = 5 * DAY_S // interval_s
    known: dict[int, tuple[int, int]] = {}
    for delivery in range(data.draw(st.integers(1, 2))):
        given_slots = data.draw(st.dictionaries(st.integers(0, slots - 1), thousandths, min_size=1, max_size=60))
        values = [NAN] * slots
        for slot, value in given_slots.items():
            values[slot] = value / 1000
        emptied.readings("m1", START, values, interval_s=interval_s, known=GRANTED.replace(day=delivery + 2))
        known |= {START + slot * interval_s: (interval_s, value * 1000) for slot, value in given_slots.items()}
    edge = st.one_of(st.none(), st.integers(START - 7200, START + 5 * DAY_S + 7200))
    low, high = data.draw(edge), data.draw(edge)
    window = Window(published_min=low, published_max=high)
    expected = [
        (start, length, value)
        for start, (length, value) in sorted(known.items())
        if (low is None or start >= low) and (high is None or start + length <= high)
    ]
    text = b"".join(xml(emptied.feed(emptied.share("m1"), window)))
    root = etree.fromstring(text)
    found = [
        tuple(
            int(str(each.findtext(path)))
            for path in (f"{ESPI}timePeriod/{ESPI}start", f"{ESPI}timePeriod/{ESPI}duration", f"{ESPI}value")
        )
        for each in root.iter(f"{ESPI}IntervalReading")
    ]
    assert found == expected
    names = [each.findtext(f"{ATOM}id") for each in root.iter(f"{ATOM}entry")]
    assert len(set(names)) == len(names)
    blocks = list(root.iter(f"{ESPI}IntervalBlock"))
    assert all(
        block.findtext(f"{ESPI}interval/{ESPI}start")
        == block.findtext(f"{ESPI}IntervalReading/{ESPI}timePeriod/{ESPI}start")
        for block in blocks
    )
