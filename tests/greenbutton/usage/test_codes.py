import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from energygrid.greenbutton.usage.codes import MOST, QUALITIES, UOMS, codes_of, written
from energygrid.metering.importers.espi_codes import measured
from energygrid.metering.quality import ESPI_CODES, Quality
from energygrid.metering.readings import Commodity, Flow, Kind
from energygrid.metering.series import Series
from energygrid.metering.units import UNITS


def series(**facts: object) -> Series:
    usual: dict[str, object] = {
        "commodity": Commodity.ELECTRICITY,
        "flow": Flow.DELIVERED,
        "kind": Kind.ENERGY,
        "unit": "kWh",
        "interval_s": 900,
        "channel": "",
    }
    return Series(tenant_id=1, id=1, owner_kind="meter", owner_id="m", offset_s=0, zone="UTC", **(usual | facts))  # type: ignore[arg-type]


GAS = {"commodity": Commodity.GAS, "interval_s": 3600}
WATER = {"commodity": Commodity.WATER, "kind": Kind.VOLUME, "interval_s": 3600}
REQUIRED = [
    ({}, (4, 1, 1, 12, 72)),
    ({"flow": Flow.RECEIVED}, (4, 1, 19, 12, 72)),
    ({"flow": Flow.NET}, (4, 1, 4, 12, 72)),
    ({"interval_s": 0}, (1, 1, 1, 12, 72)),
    ({"kind": Kind.DEMAND, "unit": "kW"}, (12, 1, 1, 37, 38)),
    ({"kind": Kind.POWER, "unit": "W"}, (12, 1, 1, 37, 38)),
    ({"kind": Kind.APPARENT_POWER, "unit": "kVA"}, (12, 1, 1, 12, 61)),
    ({"kind": Kind.DEMAND, "unit": "kVA"}, (12, 1, 1, 12, 61)),
    ({"kind": Kind.REACTIVE_POWER, "unit": "var"}, (12, 1, 1, 12, 63)),
    (GAS | {"unit": "therm"}, (4, 7, 1, 12, 169)),
    (GAS | {"unit": "kBtu"}, (4, 7, 1, 12, 132)),
    (GAS | {"unit": "MJ"}, (4, 7, 1, 12, 31)),
    (GAS | {"kind": Kind.VOLUME, "unit": "ccf"}, (4, 7, 1, 58, 119)),
    (GAS | {"kind": Kind.VOLUME, "unit": "m3"}, (4, 7, 1, 58, 42)),
    (WATER | {"unit": "gal"}, (4, 9, 1, 58, 128)),
    (WATER | {"unit": "ft3"}, (4, 9, 1, 58, 119)),
    (WATER | {"unit": "m3"}, (4, 9, 1, 58, 42)),
    ({"kind": Kind.TEMPERATURE, "unit": "degC"}, (12, 0, 0, 46, 6)),
]
"""accumulationBehaviour, commodity, flowDirection, kind, uom: contracts/greenbutton.md 1.2, required combinations."""


@pytest.mark.parametrize(("facts", "required"), REQUIRED)
def test_each_kind_of_series_has_the_codes_that_certification_looks_for(
    facts: dict[str, object], required: tuple[int, ...]
) -> None:
    codes = codes_of(series(**facts), 900)
    assert codes is not None
    assert (codes.accumulation, codes.commodity, codes.flow, codes.kind, codes.uom.code) == required


def test_every_unit_but_kelvin_is_read_back_as_the_same_dimension() -> None:
    for name, uom in UOMS.items():
        if name in {"degC", "pf"}:
            continue
        found = measured({"uom": uom.code, "commodity": 1, "flowDirection": 1}, 0)
        assert UNITS[found.unit].dimension == UNITS[name].dimension, name
        factor = UNITS[name].factor / UNITS[found.unit].factor
        assert factor == pytest.approx(10.0**uom.unit, rel=1e-12), name


def test_units_that_espi_has_no_word_for_are_not_written() -> None:
    assert codes_of(series(unit="frobs"), 900) is None


def test_phase_and_qualifier_come_from_the_channel() -> None:
    codes = codes_of(series(channel="S1N maximum tou2"), 900)
    assert codes is not None
    assert (codes.phase, codes.qualifier) == (528, 8)


@pytest.mark.parametrize("quality", QUALITIES)
def test_every_quality_is_read_back_as_itself(quality: Quality) -> None:
    assert ESPI_CODES.get(QUALITIES[quality], Quality.UNKNOWN) == quality


@given(st.sampled_from(["kWh", "Wh", "MWh", "m3", "therm", "kW"]), st.integers(-(10**9), 10**9))
def test_stored_decimals_survive(unit: str, thousandths: int) -> None:
    value = thousandths / 1000
    uom = UOMS[unit]
    whole, fits = written(np.array([value]), uom)
    assert fits.all()
    assert int(whole[0]) == thousandths * 10 ** (uom.unit - uom.power - 3)


def test_more_decimals_than_are_written_are_rounded() -> None:
    assert written(np.array([0.1234567]), UOMS["kWh"])[0].tolist() == [123457]


def test_celsius_is_written_in_kelvin() -> None:
    assert written(np.array([-10.5]), UOMS["degC"])[0].tolist() == [262650]


def test_what_int48_does_not_hold_is_left_out() -> None:
    values = np.array([MOST / 1e6 * 1.001, -MOST / 1e6 * 1.001, np.nan, np.inf, 1.0])
    assert written(values, UOMS["kWh"])[1].tolist() == [False, False, False, False, True]
