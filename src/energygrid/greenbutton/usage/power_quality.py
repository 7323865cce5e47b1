"""ElectricPowerQualitySummary: what a utility reported of a meter's power quality (FB_17).

Units by the schema: flicker in hundredths, voltages in microvolts, frequency in microhertz. It names none for harmonic
voltage: total harmonic distortion in hundredths of a per cent.
"""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal

from sqlalchemy import Connection

from energygrid.billing.records.facts import PowerQualityRow
from energygrid.billing.records.known import Known, power_quality
from energygrid.greenbutton.atom import USAGE, Content, Entry, Link, Scalar
from energygrid.greenbutton.entitlement import SharedMeter
from energygrid.greenbutton.usage.context import Context
from energygrid.greenbutton.usage.money import whole
from energygrid.greenbutton.usage.spans import instant, instants
from energygrid.greenbutton.window import EVERYTHING, Window
from energygrid.metering.calendar import day_span

_PROTOCOLS = {"IEEE1519-2009": 0, "EN50160": 1}
_ELEMENTS = (
    ("flickerPlt", "long_term_flicker", -2),
    ("flickerPst", "short_term_flicker", -2),
    ("harmonicVoltage", "harmonic_voltage", -2),
    ("longInterruptions", "long_interruptions", 0),
    ("mainsVoltage", "mains_voltage", -6),
    ("measurementProtocol", "protocol", 0),
    ("powerFrequency", "power_frequency", -6),
    ("rapidVoltageChanges", "rapid_voltage_changes", 0),
    ("shortInterruptions", "short_interruptions", 0),
    ("summaryInterval", "", 0),
    ("supplyVoltageDips", "supply_voltage_dips", 0),
    ("supplyVoltageImbalance", "supply_voltage_imbalance", 0),
    ("supplyVoltageVariations", "supply_voltage_variations", 0),
    ("tempOvervoltage", "temporary_overvoltages", 0),
)
"""Elements in the order of the schema, our fields, and the power of ten that is counted."""


def reported(
    db: Connection, ctx: Context, meters: Sequence[SharedMeter], zones: dict[str, str]
) -> dict[str, list[Known[PowerQualityRow]]]:
    """By meter, what lies wholly in what the consent covers, oldest first."""
    if not ctx.entitlement.scope.power_quality or not meters:
        return {}
    by_id = {meter.meter_id: meter for meter in meters}
    found: dict[str, list[Known[PowerQualityRow]]] = {}
    for known in power_quality(db, ctx.entitlement.tenant.id, list(by_id)):
        meter_id = known.facts.meter_id
        start, end = period(known.facts, zones[meter_id])
        if any(low <= start and end <= high for low, high in instants(by_id[meter_id], EVERYTHING)):
            found.setdefault(meter_id, []).append(known)
    return found


def power_quality_entries(
    ctx: Context, meter: SharedMeter, found: Sequence[Known[PowerQualityRow]], zone: str, window: Window
) -> list[Entry]:
    return [_entry(ctx, meter, known, zone) for known in found if _is_wanted(known, zone, window)]


def period(row: PowerQualityRow, zone: str) -> tuple[int, int]:
    start, end = day_span(row.period_start, zone).start, day_span(row.period_end + timedelta(days=1), zone).start
    return int(start.timestamp()), int(end.timestamp())


def _is_wanted(known: Known[PowerQualityRow], zone: str, window: Window) -> bool:
    start, end = (instant(each) for each in period(known.facts, zone))
    at = int(known.known_at.timestamp())
    return (
        (window.published_min is None or end > instant(window.published_min))
        and (window.published_max is None or start < instant(window.published_max))
        and (window.updated_min is None or at >= window.updated_min)
        and (window.updated_max is None or at < window.updated_max)
    )


def _entry(ctx: Context, meter: SharedMeter, known: Known[PowerQualityRow], zone: str) -> Entry:
    point = ctx.usage_point(meter)
    up = f"{point}/ElectricPowerQualitySummary"
    return Entry(
        resource="ElectricPowerQualitySummary",
        namespace=USAGE,
        href=f"{up}/{ctx.opaque('power quality', known.id)}",
        up=up,
        related=(Link("related", point, "espi-entry/UsagePoint"),),
        published=known.first_known_at,
        updated=known.known_at,
        content=_content(known.facts, zone),
    )


def _content(row: PowerQualityRow, zone: str) -> Content:
    parts: list[tuple[str, Scalar | Content]] = []
    for element, field, power in _ELEMENTS:
        if not field:
            start, end = period(row, zone)
            parts.append((element, (("duration", end - start), ("start", start))))
            continue
        value = getattr(row, field)
        if isinstance(value, str):
            value = _PROTOCOLS[value]
        elif isinstance(value, Decimal):
            value = whole(value, power)
        if value is not None:
            parts.append((element, value))
    return tuple(parts)
