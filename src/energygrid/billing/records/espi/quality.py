"""Power quality: an ElectricPowerQualitySummary in the units of our records."""

from datetime import timedelta

from energygrid.billing.records.espi.draft import Fields
from energygrid.billing.records.espi.reading import Homeless, count, instant, local, number, said, scaled
from energygrid.metering.calendar import day_span
from energygrid.metering.told import Told, inside

_PROTOCOLS = {0: "IEEE1519-2009", 1: "EN50160"}
_COUNTS = {
    "longInterruptions": "long_interruptions",
    "shortInterruptions": "short_interruptions",
    "rapidVoltageChanges": "rapid_voltage_changes",
    "supplyVoltageDips": "supply_voltage_dips",
    "supplyVoltageImbalance": "supply_voltage_imbalance",
    "supplyVoltageVariations": "supply_voltage_variations",
    "tempOvervoltage": "temporary_overvoltages",
}


def power_quality(told: Told, zone: str) -> Fields:
    """Raises Homeless when its interval is not made of whole local days."""
    interval = inside(told.tree, "summaryInterval")
    start, duration = number(interval, "start"), number(interval, "duration")
    if start is None or duration is None or duration <= 0:
        raise Homeless("it lacks its interval")
    begin, end = instant(start), instant(start + duration)
    first, last = local(begin, zone), local(end - timedelta(seconds=1), zone)
    if (day_span(first, zone).start, day_span(last, zone).end) != (begin, end):
        raise Homeless(f"its interval is not made of whole days in {zone}")
    protocol = count(told.tree, "measurementProtocol")
    return said(
        period_start=first,
        period_end=last,
        protocol=None if protocol is None else _PROTOCOLS.get(protocol),
        long_term_flicker=scaled(told.tree, "flickerPlt", -2),
        short_term_flicker=scaled(told.tree, "flickerPst", -2),
        harmonic_voltage=scaled(told.tree, "harmonicVoltage", -2),
        mains_voltage=scaled(told.tree, "mainsVoltage", -6),
        power_frequency=scaled(told.tree, "powerFrequency", -6),
        **{field: count(told.tree, element) for element, field in _COUNTS.items()},
    )
