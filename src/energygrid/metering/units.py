"""Units of measure as data, and the one place that converts between them.

A unit is a dimension and how many of that dimension's base units it holds; within a dimension conversion is
one factor. Gas volume becomes energy, or back, only through a dated heat factor of the tenant: what a cubic
metre carries changes with the supply, so there is no constant (powerbox.md C19).

Factors are exact by definition. NIST SP 811 (2008) B.8: foot 0.3048 m, US gallon 231 cubic inches, British
thermal unit (International Table) 1055.05585262 J, therm (US) 1.054804e8 J (the legal unit of gas trade in the
United States), therm (EC) 1e5 Btu of the International Table. Imperial gallon: 4.54609 L.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

import numpy as np

from energygrid.errors import Invalid
from energygrid.metering.readings import Float64s, Int64s


class Dimension(StrEnum):
    """What is measured. The value is the base unit that factors count in."""

    ENERGY = "J"
    VOLUME = "m3"
    POWER = "W"
    REACTIVE_ENERGY = "var.s"
    APPARENT_ENERGY = "VA.s"
    REACTIVE_POWER = "var"
    APPARENT_POWER = "VA"
    VOLTAGE = "V"
    CURRENT = "A"
    TEMPERATURE = "degC"
    PRESSURE = "Pa"


@dataclass(frozen=True, slots=True)
class Unit:
    """`factor` base units of the dimension make one of this unit."""

    name: str
    dimension: Dimension
    factor: float


_BTU = 1055.05585262
_THERM = 1.054804e8
_FT3 = 0.028316846592
_GALLON = 0.003785411784

_FACTORS: dict[Dimension, dict[str, float]] = {
    Dimension.ENERGY: {
        "Wh": 3.6e3,
        "kWh": 3.6e6,
        "MWh": 3.6e9,
        "GWh": 3.6e12,
        "J": 1,
        "kJ": 1e3,
        "MJ": 1e6,
        "GJ": 1e9,
        "Btu": _BTU,
        "kBtu": _BTU * 1e3,
        "MMBtu": _BTU * 1e6,
        "therm": _THERM,
        "dth": _THERM * 10,
        "therm_ec": _BTU * 1e5,
    },
    Dimension.VOLUME: {
        "m3": 1,
        "L": 1e-3,
        "kL": 1,
        "ft3": _FT3,
        "ccf": _FT3 * 100,
        "Mcf": _FT3 * 1e3,
        "gal": _GALLON,
        "kgal": _GALLON * 1e3,
        "gal_imp": 4.54609e-3,
    },
    Dimension.POWER: {"W": 1, "kW": 1e3, "MW": 1e6},
    Dimension.REACTIVE_ENERGY: {"varh": 3.6e3, "kvarh": 3.6e6, "Mvarh": 3.6e9},
    Dimension.APPARENT_ENERGY: {"VAh": 3.6e3, "kVAh": 3.6e6, "MVAh": 3.6e9},
    Dimension.REACTIVE_POWER: {"var": 1, "kvar": 1e3, "Mvar": 1e6},
    Dimension.APPARENT_POWER: {"VA": 1, "kVA": 1e3, "MVA": 1e6},
    Dimension.VOLTAGE: {"V": 1, "kV": 1e3},
    Dimension.CURRENT: {"A": 1, "kA": 1e3},
    Dimension.TEMPERATURE: {"degC": 1},
    Dimension.PRESSURE: {"Pa": 1, "kPa": 1e3, "bar": 1e5},
}

UNITS = MappingProxyType(
    {name: Unit(name, dimension, factor) for dimension, factors in _FACTORS.items() for name, factor in factors.items()}
)

_ALIASES = {
    "therms": "therm",
    "thm": "therm",
    "dekatherm": "dth",
    "dekatherms": "dth",
    "cm": "m3",  # as utilities abbreviate cubic metres of gas, powerbox.md C19
    "m³": "m3",
    "cf": "ft3",
    "ft³": "ft3",
    "hcf": "ccf",
    "kcf": "Mcf",
    "gallon": "gal",
    "gallons": "gal",
    "usgal": "gal",
}
_BY_FOLDED = {
    **{name.casefold(): unit for name, unit in UNITS.items()},
    **{a: UNITS[n] for a, n in _ALIASES.items()},
}


def unit(name: str) -> Unit:
    """The unit of a name in any case (`KWH`, `kWh`) or a usual other name (`therms`, `cf`).

    Raises Invalid UNKNOWN_UNIT.
    """
    found = _BY_FOLDED.get(name.strip().casefold())
    if found is None:
        raise Invalid("UNKNOWN_UNIT", f"{name[:32]!r} is not a unit known here", unit=name[:32])
    return found


def same_unit(a: str, b: str) -> bool:
    """Whether two names mean one unit; names not known here must be equal."""
    return a == b or _BY_FOLDED.get(a.strip().casefold(), a) == _BY_FOLDED.get(b.strip().casefold(), b)


@dataclass(frozen=True, slots=True)
class HeatFactor:
    """From `valid_from` on, one `volume_unit` of gas carries `energy` `energy_unit`s."""

    valid_from: datetime
    energy: float
    energy_unit: str = "therm"
    volume_unit: str = "ccf"


class HeatSchedule:
    """The heat factors of one gas supply; each holds until the next begins.

    Raises Invalid HEAT_FACTOR when a factor is not above 0, its units are not energy and volume, or two begin
    at once.
    """

    def __init__(self, factors: Sequence[HeatFactor]) -> None:
        ordered = sorted(factors, key=lambda factor: factor.valid_from)
        self._since = np.array([int(f.valid_from.timestamp()) for f in ordered], np.int64)
        self._joules = np.array([_joules_per_m3(f) for f in ordered], np.float64)
        if (np.diff(self._since) <= 0).any():
            raise Invalid("HEAT_FACTOR", "two heat factors begin at the same instant")

    def joules_per_m3(self, at: Int64s) -> Float64s:
        """The factor in force at each instant. Raises Invalid NO_HEAT_FACTOR before the first one."""
        position = np.searchsorted(self._since, at, side="right") - 1
        if (position < 0).any():
            raise Invalid("NO_HEAT_FACTOR", "no heat factor is in force yet at the time of a reading")
        return self._joules[position]


def _joules_per_m3(factor: HeatFactor) -> float:
    energy, volume = unit(factor.energy_unit), unit(factor.volume_unit)
    if (energy.dimension, volume.dimension) != (Dimension.ENERGY, Dimension.VOLUME) or not factor.energy > 0:
        raise Invalid("HEAT_FACTOR", "a heat factor is an energy above 0 for a volume", energy=factor.energy)
    return factor.energy * energy.factor / volume.factor


def convert(
    values: Float64s, source: str, target: str, *, at: Int64s | None = None, heat: HeatSchedule | None = None
) -> Float64s:
    """Values of unit `source` in unit `target`; NaN stays NaN.

    at, heat  instants of the readings (n,) and the heat factors; needed only between gas volume and energy.
              Convert readings first and add them up afterwards: each takes the factor of its own time.

    Raises Invalid UNKNOWN_UNIT, INCOMPATIBLE_UNITS or NO_HEAT_FACTOR.
    """
    have, want = unit(source), unit(target)
    if have.dimension == want.dimension:
        return _scaled(values, have.factor, want.factor)
    if {have.dimension, want.dimension} != {Dimension.ENERGY, Dimension.VOLUME}:
        raise Invalid("INCOMPATIBLE_UNITS", f"{have.name} cannot become {want.name}", source=source, target=target)
    if heat is None or at is None:
        raise Invalid(
            "NO_HEAT_FACTOR",
            f"{have.name} becomes {want.name} only with a dated heat factor",
            source=source,
            target=target,
        )
    density = heat.joules_per_m3(at)
    if have.dimension is Dimension.VOLUME:
        return values * (density * (have.factor / want.factor))
    return values * (have.factor / want.factor) / density


def _scaled(values: Float64s, have: float, want: float) -> Float64s:
    """By whichever of the two factors is whole: 1.1 Wh are 0.0011 kWh, not 0.0011000000000000001."""
    return values * (have / want) if have >= want else values / (want / have)
