"""What a unit in a file tells: its name here, the kind of quantity and, for some, the commodity."""

from typing import NamedTuple

from energygrid.errors import Invalid
from energygrid.metering import units
from energygrid.metering.readings import Commodity, Kind
from energygrid.metering.units import Dimension

_KINDS = {
    Dimension.ENERGY: Kind.ENERGY,
    Dimension.VOLUME: Kind.VOLUME,
    Dimension.POWER: Kind.POWER,
    Dimension.REACTIVE_ENERGY: Kind.REACTIVE_ENERGY,
    Dimension.APPARENT_ENERGY: Kind.APPARENT_ENERGY,
    Dimension.REACTIVE_POWER: Kind.REACTIVE_POWER,
    Dimension.APPARENT_POWER: Kind.APPARENT_POWER,
    Dimension.VOLTAGE: Kind.VOLTAGE,
    Dimension.CURRENT: Kind.CURRENT,
    Dimension.TEMPERATURE: Kind.TEMPERATURE,
    Dimension.PRESSURE: Kind.PRESSURE,
}
_ANY_COMMODITY = {Dimension.VOLUME, Dimension.TEMPERATURE, Dimension.PRESSURE}
_GAS_UNITS = {"therm", "therm_ec", "dth"}
_ELECTRIC_UNITS = {"Wh", "kWh", "MWh", "GWh"}


class Unit(NamedTuple):
    """`commodity` is None where the unit alone does not tell: a cubic metre may be gas or water."""

    name: str
    kind: Kind
    commodity: Commodity | None


def unit_named(text: str) -> Unit | None:
    """None when the unit is not known. Case does not matter: sources write kWh, KWH and kwh."""
    try:
        found = units.unit(text)
    except Invalid:
        return None
    return Unit(found.name, _KINDS[found.dimension], _commodity(found))


def _commodity(unit: units.Unit) -> Commodity | None:
    if unit.name in _GAS_UNITS:
        return Commodity.GAS
    if unit.dimension in _ANY_COMMODITY or (unit.dimension is Dimension.ENERGY and unit.name not in _ELECTRIC_UNITS):
        return None
    return Commodity.ELECTRICITY
