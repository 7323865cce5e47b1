"""Our words for what is measured as ESPI's numbers.

Source: contracts/greenbutton.md 1.2 (enumerations and required combinations of ReadingType).

A value is written as a whole number times 10 to a power that its unit alone decides, so a ReadingType never changes:
six decimals of the units in which meters are read survive exactly (three of the small units), which is what stored
readings have at most. The model writes kWh the same way, as thousandths of a Wh. A value with more decimals is rounded
half to even; one beyond Int48 cannot be written.
"""

from dataclasses import dataclass

import numpy as np

from energygrid.metering.quality import Quality
from energygrid.metering.readings import DAY_S, Commodity, Flow, Int64s, Kind
from energygrid.metering.series import Series

MOST = 140_737_488_355_328
"""Int48 of ESPI: values lie between -MOST and MOST."""

DEFAULT_QUALITY = 17
"""Validated: the utility's own word, since what it has not validated comes marked."""


@dataclass(frozen=True, slots=True)
class Uom:
    """How values of one of our units are written.

    code    UnitSymbolKind
    unit    10 to this power of it makes one of our unit
    power   powerOfTenMultiplier that is written
    offset  added to our value before: 0 degrees Celsius are 273.15 K
    """

    code: int
    unit: int
    power: int
    offset: float = 0.0


def _uoms(code: int, powers: dict[str, tuple[int, int]]) -> dict[str, Uom]:
    return {name: Uom(code, unit, power) for name, (unit, power) in powers.items()}


UOMS: dict[str, Uom] = {
    **_uoms(72, {"Wh": (0, -3), "kWh": (3, -3), "MWh": (6, 0), "GWh": (9, 3)}),
    **_uoms(31, {"J": (0, -3), "kJ": (3, -3), "MJ": (6, 0), "GJ": (9, 3)}),
    **_uoms(132, {"Btu": (0, -3), "kBtu": (3, -3), "MMBtu": (6, 0), "therm_ec": (5, -1)}),
    **_uoms(169, {"therm": (0, -6), "dth": (1, -6)}),
    **_uoms(42, {"m3": (0, -6), "kL": (0, -6)}),
    **_uoms(134, {"L": (0, -3)}),
    **_uoms(119, {"ft3": (0, -3), "ccf": (2, -6), "Mcf": (3, -3)}),
    **_uoms(128, {"gal": (0, -3), "kgal": (3, -3)}),
    **_uoms(130, {"gal_imp": (0, -3)}),
    **_uoms(38, {"W": (0, -3), "kW": (3, -3), "MW": (6, 0)}),
    **_uoms(73, {"varh": (0, -3), "kvarh": (3, -3), "Mvarh": (6, 0)}),
    **_uoms(71, {"VAh": (0, -3), "kVAh": (3, -3), "MVAh": (6, 0)}),
    **_uoms(63, {"var": (0, -3), "kvar": (3, -3), "Mvar": (6, 0)}),
    **_uoms(61, {"VA": (0, -3), "kVA": (3, -3), "MVA": (6, 0)}),
    **_uoms(29, {"V": (0, -3), "kV": (3, -3)}),
    **_uoms(5, {"A": (0, -3), "kA": (3, -3)}),
    **_uoms(39, {"Pa": (0, -3), "kPa": (3, -3), "bar": (5, -1)}),
    **_uoms(65, {"pf": (0, -3)}),
    "degC": Uom(6, 0, -3, 273.15),
}
"""By unit. Temperature goes out in kelvin, the one unit that certification knows (FB_29)."""

SERVICES = {"Electric": 0, "Gas": 1, "Water": 2, "Heat": 4}
"""ServiceKind by the meter's type in the mirror."""
COMMODITIES = {Commodity.ELECTRICITY: 1, Commodity.GAS: 7, Commodity.WATER: 9, Commodity.HEAT: 12}
COMMODITY_OF_TYPE = {"Electric": 1, "Gas": 7, "Water": 9, "Heat": 12}
FLOWS = {Flow.DELIVERED: 1, Flow.RECEIVED: 19, Flow.NET: 4, Flow.TOTAL: 20}

_SUM, _INSTANT, _INDEX = 4, 12, 1
_BEHAVIOUR_AND_KIND = {
    Kind.ENERGY: (_SUM, 12),
    Kind.VOLUME: (_SUM, 58),
    Kind.REACTIVE_ENERGY: (_SUM, 12),
    Kind.APPARENT_ENERGY: (_SUM, 12),
    Kind.POWER: (_INSTANT, 37),
    Kind.DEMAND: (_INSTANT, 37),
    Kind.REACTIVE_POWER: (_INSTANT, 12),
    Kind.APPARENT_POWER: (_INSTANT, 12),
    Kind.VOLTAGE: (_INSTANT, 54),
    Kind.CURRENT: (_INSTANT, 4),
    Kind.TEMPERATURE: (_INSTANT, 46),
    Kind.PRESSURE: (_INSTANT, 0),
    Kind.OTHER: (_INSTANT, 38),
}
"""accumulationBehaviour and MeasurementKind. Demand in VA and var has kind 12, by the data tests of FB_06."""
_DEMAND_KIND_BY_UOM = {61: 12, 63: 12}
_PHASES = {"C": 32, "CN": 33, "B": 64, "BN": 65, "A": 128, "AN": 129, "S2": 256, "S2N": 272, "S1": 512, "S1N": 528}
_QUALIFIERS = {"average": 2, "maximum": 8, "minimum": 9}
_NORMAL = 12
MONTH_S = 30 * DAY_S
"""Stands for a local month, whatever its length."""
_TIME_ATTRIBUTES = {DAY_S: 11, MONTH_S: 13}

QUALITIES = {
    Quality.ACTUAL: DEFAULT_QUALITY,
    Quality.ESTIMATED: 8,
    Quality.SUBSTITUTED: 11,
    Quality.SUSPECT: 10,
    Quality.RAW: 14,
    Quality.UNKNOWN: 16,
}
"""QualityOfReading. Each is read back as the quality that it stands for (metering.quality.ESPI_CODES)."""
QUALITY_CODES = np.array([QUALITIES.get(each, 0) for each in Quality], np.int64)
"""The same, by position."""


@dataclass(frozen=True, slots=True)
class ReadingCodes:
    """The numbers of a ReadingType, named as its elements; `uom` has more than its code."""

    accumulation: int
    commodity: int
    qualifier: int
    flow: int
    interval_s: int
    kind: int
    phase: int
    time_attribute: int
    uom: Uom


def codes_of(series: Series, interval_s: int) -> ReadingCodes | None:
    """How a series is described when it is given in intervals of `interval_s`; None when ESPI has no word for it."""
    uom = UOMS.get(series.unit)
    if uom is None:
        return None
    words = series.channel.split(" ")
    behaviour, kind = _BEHAVIOUR_AND_KIND[series.kind]
    if series.kind is Kind.DEMAND:
        kind = _DEMAND_KIND_BY_UOM.get(uom.code, kind)
    is_temperature = series.kind is Kind.TEMPERATURE
    return ReadingCodes(
        accumulation=behaviour if series.interval_s else _INDEX,
        commodity=0 if is_temperature else COMMODITIES[series.commodity],
        qualifier=next((_QUALIFIERS[word] for word in words if word in _QUALIFIERS), _NORMAL),
        flow=0 if is_temperature else FLOWS[series.flow],
        interval_s=interval_s,
        kind=kind,
        phase=next((_PHASES[word] for word in words if word in _PHASES), 0),
        time_attribute=_TIME_ATTRIBUTES.get(interval_s, 0),
        uom=uom,
    )


def written(values: np.ndarray, uom: Uom) -> tuple[Int64s, np.ndarray]:
    """(n,) whole numbers to be written and whether each can be: NaN and what Int48 does not hold cannot."""
    places = uom.unit - uom.power
    shifted = values + uom.offset if uom.offset else values
    scaled = np.rint(shifted * 10.0**places if places >= 0 else shifted / 10.0**-places)
    fits = np.abs(scaled) <= MOST
    return np.where(fits, scaled, 0).astype(np.int64), fits
