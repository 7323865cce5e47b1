"""Conversion of units. Numbers: NIST SP 811 (2008) appendix B.8, unless a line says otherwise."""

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from energygrid.errors import Invalid
from energygrid.metering.units import UNITS, HeatFactor, HeatSchedule, convert, same_unit, unit

SAME_DIMENSION = [(a.name, b.name) for a in UNITS.values() for b in UNITS.values() if a.dimension == b.dimension]


def one(value: float, source: str, target: str, **how) -> float:
    return float(convert(np.array([value]), source, target, **how)[0])


def instant(*fields: int) -> datetime:
    return datetime(*fields, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "source", "target", "expected"),
    [
        (1, "kWh", "Wh", 1000),
        (1.1, "Wh", "kWh", 0.0011),
        (2.5, "MWh", "kWh", 2500),
        (1, "kWh", "MJ", 3.6),
        (1, "Btu", "J", 1055.05585262),
        (1, "therm", "MJ", 105.4804),
        (1, "therm_ec", "MJ", 105.505585262),
        (1, "dth", "therm", 10),
        (1, "ft3", "m3", 0.028316846592),
        (1, "ccf", "m3", 2.8316846592),
        (1, "Mcf", "ccf", 10),
        (1, "gal", "L", 3.785411784),
        (1, "gal_imp", "L", 4.54609),
        (748.0519480519481, "gal", "ccf", 1),  # 1 ft3 = 1728 / 231 gallons
        (3, "kW", "W", 3000),
        (4, "kvarh", "varh", 4000),
        (4, "VAh", "kVAh", 0.004),
    ],
)
def test_factors_are_those_of_the_definitions(value, source, target, expected):
    assert one(value, source, target) == pytest.approx(expected, rel=1e-15)


@given(st.sampled_from(SAME_DIMENSION), st.floats(-1e9, 1e9))
def test_there_and_back_is_the_same_value(pair, value):
    source, target = pair
    assert one(one(value, source, target), target, source) == pytest.approx(value, rel=1e-14)


@given(st.integers(0, 10**9))
def test_watt_hours_become_exactly_the_kilowatt_hours_one_would_write(thousandths):
    assert one(thousandths, "Wh", "kWh") == thousandths / 1000
    assert one(thousandths / 1000, "kWh", "kWh") == thousandths / 1000


@pytest.mark.parametrize(
    ("written", "name"),
    [("KWH", "kWh"), (" kwh", "kWh"), ("therms", "therm"), ("cm", "m3"), ("CCF", "ccf"), ("HCF", "ccf")],
)
def test_units_are_found_in_the_spellings_of_the_trade(written, name):
    assert unit(written).name == name


def test_two_names_of_one_unit_are_the_same():
    assert same_unit("KWH", "kWh")
    assert same_unit("pulses", "pulses")
    assert not same_unit("Wh", "kWh")
    assert not same_unit("pulses", "kWh")


def test_an_unknown_unit_is_refused():
    with pytest.raises(Invalid) as refused:
        unit("furlong")
    assert refused.value.code == "UNKNOWN_UNIT"


@pytest.mark.parametrize(("source", "target"), [("kWh", "kW"), ("kvarh", "kWh"), ("ccf", "kW"), ("V", "A")])
def test_different_things_do_not_convert(source, target):
    with pytest.raises(Invalid) as refused:
        one(1, source, target)
    assert refused.value.code == "INCOMPATIBLE_UNITS"


def test_gas_volume_becomes_energy_with_the_factor_in_force_at_its_time():
    heat = HeatSchedule([HeatFactor(instant(2024, 6, 1), 1.040), HeatFactor(instant(2024, 1, 1), 1.030)])
    at = np.array([int(instant(2024, month, 1).timestamp()) for month in (1, 5, 6, 12)])
    therms = convert(np.full(4, 10.0), "ccf", "therm", at=at, heat=heat)
    assert therms == pytest.approx([10.3, 10.3, 10.4, 10.4], rel=1e-14)
    assert convert(therms, "therm", "ccf", at=at, heat=heat) == pytest.approx(np.full(4, 10.0), rel=1e-14)


def test_a_heat_factor_may_be_given_in_kilowatt_hours_for_a_cubic_metre():
    heat = HeatSchedule([HeatFactor(instant(2024, 1, 1), 11.2, "kWh", "m3")])
    at = np.array([int(instant(2024, 2, 1).timestamp())])
    assert one(100, "m3", "MWh", at=at, heat=heat) == pytest.approx(1.12, rel=1e-14)


@pytest.mark.parametrize("month", [1, None])
def test_gas_without_a_heat_factor_in_force_does_not_become_energy(month):
    heat = HeatSchedule([HeatFactor(instant(2024, 6, 1), 1.04)]) if month else None
    at = np.array([int(instant(2024, 1, 1).timestamp())])
    with pytest.raises(Invalid) as refused:
        one(1, "ccf", "therm", at=at, heat=heat)
    assert refused.value.code == "NO_HEAT_FACTOR"


@pytest.mark.parametrize(
    "factors",
    [
        [HeatFactor(instant(2024, 1, 1), 0.0)],
        [HeatFactor(instant(2024, 1, 1), float("nan"))],
        [HeatFactor(instant(2024, 1, 1), 1.0, "ccf", "therm")],
        [HeatFactor(instant(2024, 1, 1), 1.0), HeatFactor(instant(2024, 1, 1), 1.1)],
    ],
)
def test_a_heat_factor_that_makes_no_sense_is_refused(factors):
    with pytest.raises(Invalid) as refused:
        HeatSchedule(factors)
    assert refused.value.code == "HEAT_FACTOR"


def test_missing_stays_missing():
    assert np.isnan(one(float("nan"), "kWh", "Wh"))
