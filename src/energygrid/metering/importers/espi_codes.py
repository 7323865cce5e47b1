"""ESPI's numbers for what is measured, in our words (powerbox.md 4.5; enumerations of ReadingType in ESPI 4.0)."""

from collections.abc import Mapping
from dataclasses import dataclass

from energygrid.metering.importers.units import Unit, unit_named
from energygrid.metering.readings import Commodity, Flow, Kind

_UNITS = {
    5: "A",
    23: "degC",
    29: "V",
    31: "J",
    38: "W",
    39: "Pa",
    42: "m3",
    61: "VA",
    63: "var",
    71: "VAh",
    72: "Wh",
    73: "varh",
    119: "ft3",
    120: "ft3",
    128: "gal",
    130: "gal_imp",
    132: "Btu",
    134: "L",
    156: "L",
    157: "L",
    166: "m3",
    167: "m3",
    169: "therm",
}
_POWER_FACTOR = {65, 153}
_FLOWS = {1: Flow.DELIVERED, 19: Flow.RECEIVED, 4: Flow.NET, 20: Flow.TOTAL}
_ELECTRIC = {1, 2, 26}
_COMMODITIES = {
    **dict.fromkeys(_ELECTRIC, Commodity.ELECTRICITY),
    **dict.fromkeys((7, 8, 17), Commodity.GAS),
    **dict.fromkeys((9, 14), Commodity.WATER),
    **dict.fromkeys((10, 12, 13), Commodity.HEAT),
}
_SERVICES = {0: Commodity.ELECTRICITY, 1: Commodity.GAS, 2: Commodity.WATER, 4: Commodity.HEAT}
_REGISTERS = {1, 2, 3, 9}
_DEMAND = 8
_ONE_PHASE = {32: "C", 33: "CN", 64: "B", 65: "BN", 128: "A", 129: "AN", 256: "S2", 272: "S2N", 512: "S1", 528: "S1N"}
_QUALIFIERS = {2: "average", 8: "maximum", 9: "minimum"}


@dataclass(frozen=True, slots=True)
class Measured:
    """What a ReadingType says, as far as it makes a series.

    power      values are to be multiplied by 10 to this power
    interval_s the interval length where a reading does not give its own; 0 = not given
    register   values are what an index showed
    quality    defaultQuality, or None
    assumed    what was not said and taken for granted, in words
    """

    commodity: Commodity
    flow: Flow
    kind: Kind
    unit: str
    channel: str
    power: int
    interval_s: int
    register: bool
    quality: int | None
    assumed: tuple[str, ...]


class Unmeasurable(ValueError):
    """The ReadingType is not one that can be kept; `args` has the reason."""


def measured(codes: Mapping[str, int], service: int | None) -> Measured:
    """A ReadingType's numbers by element name, and the ServiceCategory kind of the usage point.

    Two reading types of one usage point that differ in phase, qualifier, TOU, tier or critical peak are two channels.
    Raises Unmeasurable.
    """
    assumed = []
    unit = _unit(codes.get("uom", 0))
    commodity = _COMMODITIES.get(codes.get("commodity", 0)) or _SERVICES.get(-1 if service is None else service)
    if commodity is None:
        commodity = unit.commodity
        assumed.append(f"commodity {commodity} by its unit")
    if commodity is None:
        raise Unmeasurable(f"neither commodity {codes.get('commodity')} nor the service says what is metered")
    flow = _FLOWS.get(codes.get("flowDirection", 0))
    if flow is None and codes.get("flowDirection", 0):
        raise Unmeasurable(f"flow direction {codes['flowDirection']} is not forward, reverse, net or total")
    if flow is None:
        flow = Flow.DELIVERED
        assumed.append("flow direction forward")
    return Measured(
        commodity=commodity,
        flow=flow,
        kind=Kind.DEMAND if codes.get("kind") == _DEMAND else unit.kind,
        unit=unit.name,
        channel=_channel(codes),
        power=codes.get("powerOfTenMultiplier", 0),
        interval_s=codes.get("intervalLength", 0),
        register=codes.get("accumulationBehaviour", 0) in _REGISTERS,
        quality=codes.get("defaultQuality"),
        assumed=tuple(assumed),
    )


def _unit(uom: int) -> Unit:
    if uom in _POWER_FACTOR:
        return Unit("pf", Kind.OTHER, Commodity.ELECTRICITY)
    unit = unit_named(_UNITS[uom]) if uom in _UNITS else None
    if unit is None:
        raise Unmeasurable(f"unit of measure {uom} is not one that is kept")
    return unit


def _channel(codes: Mapping[str, int]) -> str:
    parts = [
        _ONE_PHASE.get(codes.get("phase", 0), ""),
        _QUALIFIERS.get(codes.get("dataQualifier", 0), ""),
        *(f"{name}{codes[name]}" for name in ("tou", "consumptionTier", "cpp") if codes.get(name)),
    ]
    return " ".join(part for part in parts if part)


def unit_of(uom: int) -> str | None:
    """Our name of a unit symbol; None for one that is not kept."""
    return _UNITS.get(uom)
